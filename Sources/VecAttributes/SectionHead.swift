import VecCore

/// The 16 bytes that each section of items begins with (Formats/attributes.md, Formats/string-ids.md): a magic, a version, a
/// number that is the section's own, the rows, and four that are 0.
struct SectionHead {
  static let byteCount = 16

  /// What the section holds, as messages call it.
  let what: String
  let magic: UInt32
  let version: UInt16

  /// - Returns: the section's own number.
  /// - Throws: the reader's code, or `unsupported-format` for another version.
  func read(_ reader: inout ByteReader, rowCount: Int) throws(VecError) -> UInt16 {
    guard try reader.read(UInt32.self) == magic else { throw reader.failure("no \(what) start here") }
    let found = try reader.read(UInt16.self)
    guard found == version else {
      throw VecError(.unsupportedFormat, "section of \(what): version \(found) is not known, must be \(version)")
    }
    let own = try reader.read(UInt16.self)
    let rows = try reader.read(UInt32.self)
    guard Int(rows) == rowCount else { throw reader.failure("it is of \(rows) rows, the segment has \(rowCount)") }
    guard try reader.read(UInt32.self) == 0 else { throw reader.failure("reserved bytes of the header are not zero") }
    return own
  }

  func write(_ own: UInt16 = 0, rowCount: Int, to writer: inout ByteWriter) {
    writer.write(magic)
    writer.write(version)
    writer.write(own)
    writer.write(UInt32(rowCount))
    writer.write(UInt32(0))
  }
}
