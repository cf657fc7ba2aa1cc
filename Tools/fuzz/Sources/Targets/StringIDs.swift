import VecAttributes
import VecCore

// The section of string ids of a segment.
extension FuzzTarget {
  /// What is accepted leads to texts within the section, and is written again as the same bytes.
  static let stringIDs = FuzzTarget(name: "string-ids", lengthMax: 2_048) { golden in
    [try golden.read("string-ids/v1/section.bin")]
  } run: { input in
    let rowCount = Int(field(input, 8, 4))
    guard rowCount <= 4_096 else { return }
    let decoded = accepted([.segmentDamaged, .unsupportedFormat]) { () throws(VecError) in
      try StringIDColumn(decoding: input, rowCount: rowCount)
    }
    guard let column = decoded else { return }
    let texts = (0..<rowCount).map { Array(column.bytes(of: $0)) }
    let lengths = texts.map { UInt16(clamping: $0.count) }
    let again = StringIDColumn.encodeHead(lengths: lengths) + texts.joined()
    demand(again.elementsEqual(input), "texts that are not written as they were read")
    let ids = (0..<rowCount).map { StringID.id(ofBytes: column.bytes(of: $0)) }
    _ = accepted([]) { () throws(VecError) in try column.check(ids) }
  }
}
