package import VecCore

/// The texts that the rows of a segment are known by, as they lie in its mapped section; Formats/string-ids.md has the section.
///
/// Unchecked sendable: the bytes are never changed. They must outlive it. Of a page that the disk did not deliver zeros come,
/// which lead to other texts, never out of the section.
package struct StringIDColumn: @unchecked Sendable {
  private static let head = SectionHead(what: "string ids", magic: 0x4952_5453, version: 1)  // "STRI"
  private static let stride = 64

  package let rowCount: Int
  private let section: UnsafeRawBufferPointer
  private let lengthsOffset: Int
  private let textsOffset: Int

  /// - Parameter rowCount: the segment's.
  /// - Throws: `segment-damaged` saying what breaks the format, `unsupported-format` for another version.
  package init(decoding section: UnsafeRawBufferPointer, rowCount: Int) throws(VecError) {
    self.rowCount = rowCount
    self.section = section
    lengthsOffset = Self.lengthsOffset(rowCount)
    textsOffset = Self.textsOffset(rowCount)
    var reader = ByteReader(section, code: .segmentDamaged, context: "section string ids")
    guard try Self.head.read(&reader, rowCount: rowCount) == 0 else {
      throw reader.failure("reserved bytes of the header are not zero")
    }
    guard textsOffset <= section.count else {
      throw reader.failure("it has \(section.count) bytes, its starts and lengths alone \(textsOffset)")
    }
    try checkPlaces(reader)
  }

  private func checkPlaces(_ reader: ByteReader) throws(VecError) {
    var end: UInt64 = 0
    for row in 0..<rowCount {
      if row % Self.stride == 0, start(ofGroup: row / Self.stride) != end {
        throw reader.failure(
          "the texts from row \(row) on begin at \(start(ofGroup: row / Self.stride)), those before end at \(end)")
      }
      let length = length(row)
      guard (1...Limits.stringIDBytesMax).contains(length) else {
        throw reader.failure("the string id of row \(row) has \(length) bytes, must have 1 to \(Limits.stringIDBytesMax)")
      }
      end += UInt64(length)
    }
    guard start(ofGroup: Self.groupCount(rowCount)) == end, end == UInt64(section.count - textsOffset) else {
      throw reader.failure("the section has \(section.count) bytes, its texts end at \(UInt64(textsOffset) + end)")
    }
    guard section[(lengthsOffset + 2 * rowCount)..<textsOffset].allSatisfy({ $0 == 0 }) else {
      throw reader.failure("the bytes after the lengths are not zero")
    }
  }

  /// That each text's hash is the id of its row, so that no row goes by a wrong name.
  package func check(_ ids: [UInt64]) throws(VecError) {
    for (row, id) in ids.enumerated() where StringID.id(ofBytes: bytes(of: row)) != id {
      throw VecError(.segmentDamaged, "section string ids: the hash of row \(row)'s text is not its id \(id)")
    }
  }

  package func length(_ row: Int) -> Int {
    Int(section.loadUnaligned(fromByteOffset: lengthsOffset + 2 * row, as: UInt16.self))
  }

  /// The text of a row in UTF-8; good as long as the section is.
  package func bytes(of row: Int) -> UnsafeRawBufferPointer {
    let first = row / Self.stride * Self.stride
    var place = textsOffset + Int(truncatingIfNeeded: start(ofGroup: row / Self.stride))
    for earlier in first..<row { place += length(earlier) }
    let end = place + length(row)
    guard place >= textsOffset, end <= section.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(rebasing: section[place..<end])
  }

  package subscript(row: Int) -> Keyword { Keyword(String(decoding: bytes(of: row), as: UTF8.self)) }

  private func start(ofGroup group: Int) -> UInt64 {
    section.loadUnaligned(fromByteOffset: SectionHead.byteCount + 8 * group, as: UInt64.self)
  }

  private static func groupCount(_ rowCount: Int) -> Int { (rowCount + stride - 1) / stride }
  private static func lengthsOffset(_ rowCount: Int) -> Int { SectionHead.byteCount + 8 * (groupCount(rowCount) + 1) }
  private static func textsOffset(_ rowCount: Int) -> Int { (lengthsOffset(rowCount) + 2 * rowCount + 7) / 8 * 8 }

  /// The section up to its texts, which are to follow row after row.
  ///
  /// - Parameter lengths: bytes of each row's text, 1 to `Limits.stringIDBytesMax`.
  package static func encodeHead(lengths: [UInt16]) -> [UInt8] {
    var writer = ByteWriter(reserving: textsOffset(lengths.count))
    head.write(rowCount: lengths.count, to: &writer)
    var end: UInt64 = 0
    for (row, length) in lengths.enumerated() {
      if row % stride == 0 { writer.write(end) }
      end += UInt64(length)
    }
    writer.write(end)
    writer.write(array: lengths)
    let padding = textsOffset(lengths.count) - lengthsOffset(lengths.count) - 2 * lengths.count
    writer.write(bytes: [UInt8](repeating: 0, count: padding))
    return writer.bytes
  }
}
