package import VecCore

/// Where the payload of each row lies in a payload section; Formats/attributes.md has the section. The payloads themselves
/// stay where they are: a reader fetches `range(of:)` from the section's blocks.
package struct PayloadIndex: Sendable, Equatable {
  private static let head = SectionHead(what: "payloads", magic: 0x4C59_4150, version: 1)  // "PAYL"
  private static let stride = 64

  /// Per row; 0 for none.
  private let lengths: [UInt32]
  /// Where the payloads of each 64 rows begin, and the end of the last, from the start of the payloads.
  private let starts: [Int]

  /// - Parameter lengths: bytes of each row's payload, 0 to `Limits.payloadBytesMax`, at most 2^32 - 1 rows.
  package init(lengths: [UInt32]) {
    self.lengths = lengths
    var starts: [Int] = []
    starts.reserveCapacity(lengths.count / Self.stride + 2)
    var end = 0
    for (row, length) in lengths.enumerated() {
      if row % Self.stride == 0 { starts.append(end) }
      end += Int(length)
    }
    starts.append(end)
    self.starts = starts
  }

  package var rowCount: Int { lengths.count }
  /// True when no row has a payload, so that no section is needed.
  package var isEmpty: Bool { starts[starts.count - 1] == 0 }

  /// Bytes of memory that it takes.
  package var memoryByteCount: Int { 4 * lengths.count + 8 * starts.count }

  /// Bytes of the section before the payloads.
  package var headByteCount: Int { Self.headByteCount(rowCount: rowCount) }
  package static func headByteCount(rowCount: Int) -> Int { SectionHead.byteCount + 4 * rowCount }

  /// Bytes of the whole section.
  package var sectionByteCount: Int { headByteCount + starts[starts.count - 1] }

  /// Where a row's payload lies in the section; empty when it has none.
  package func range(of row: Int) -> Range<Int> {
    let first = row / Self.stride * Self.stride
    let start = lengths[first..<row].reduce(headByteCount + starts[row / Self.stride]) { $0 + Int($1) }
    return start..<start + Int(lengths[row])
  }

  /// The section up to its payloads, which are to follow row after row.
  package func encodeHead() -> [UInt8] {
    var writer = ByteWriter(reserving: headByteCount)
    Self.head.write(rowCount: rowCount, to: &writer)
    writer.write(array: lengths)
    return writer.bytes
  }

  /// Reads the first `headByteCount(rowCount:)` bytes of a section that nobody vouches for. What comes out leads to places
  /// within the section.
  ///
  /// - Parameters:
  ///   - rowCount: the segment's.
  ///   - sectionByteCount: how long the whole section is.
  /// - Throws: `segment-damaged` saying what breaks the format, `unsupported-format` for another version.
  package init(decoding head: UnsafeRawBufferPointer, rowCount: Int, sectionByteCount: Int) throws(VecError) {
    var reader = ByteReader(head, code: .segmentDamaged, context: "section payload")
    guard try Self.head.read(&reader, rowCount: rowCount) == 0 else {
      throw reader.failure("reserved bytes of the header are not zero")
    }
    let lengths = try reader.readArray(UInt32.self, count: rowCount)
    if let row = lengths.firstIndex(where: { $0 > Limits.payloadBytesMax }) {
      throw reader.failure("the payload of row \(row) has \(lengths[row]) bytes, at most \(Limits.payloadBytesMax) may be")
    }
    try reader.finish()
    self.init(lengths: lengths)
    guard self.sectionByteCount == sectionByteCount, !isEmpty else {
      throw reader.failure("the section has \(sectionByteCount) bytes, its payloads end at \(self.sectionByteCount)")
    }
  }
}
