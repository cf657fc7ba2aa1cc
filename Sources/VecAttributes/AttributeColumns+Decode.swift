package import VecCore

extension AttributeColumns {
  /// Reads a section that nobody vouches for. What comes out can be scanned without another check, and encodes to the
  /// same bytes. Memory is at most 16 times the section and 32 bytes a row and column that the segment has.
  ///
  /// - Parameters:
  ///   - rowCount: the segment's.
  ///   - definitions: the attributes of the collection, to which later ones may have been added since.
  /// - Throws: `segment-damaged` saying what breaks the format, `unsupported-format` for another version.
  package init(
    decoding bytes: UnsafeRawBufferPointer, rowCount: Int, definitions: [AttributeDefinition]
  ) throws(VecError) {
    var reader = ByteReader(bytes, code: .segmentDamaged, context: "section attributes")
    let entries = try Self.readDirectory(&reader, rowCount, definitions)
    var columns: [Column?] = []
    for entry in entries {
      while columns.count < entry.position { columns.append(nil) }
      var decoder = ColumnDecoder(
        try reader.readBytes(entry.byteCount), name: definitions[entry.position].name, rowCount: rowCount, width: entry.width)
      columns.append(try decoder.decode(entry.type, hasPresence: entry.hasPresence))
    }
    try reader.finish()
    while columns.count < definitions.count { columns.append(nil) }
    self.init(rowCount: rowCount, columns: columns)
  }

  private struct Entry {
    let position: Int
    let type: AttributeType
    let hasPresence: Bool
    let width: Int
    let byteCount: Int
  }

  private static func readDirectory(
    _ reader: inout ByteReader, _ rowCount: Int, _ definitions: [AttributeDefinition]
  ) throws(VecError) -> [Entry] {
    let count = Int(try head.read(&reader, rowCount: rowCount))
    var entries: [Entry] = []
    var least = 0
    for _ in 0..<count {
      let position = Int(try reader.read(UInt8.self))
      let code = try reader.read(UInt8.self)
      guard position >= least, position < definitions.count else {
        throw reader.failure("a column is of attribute \(position), must be \(least) to \(definitions.count - 1)")
      }
      least = position + 1
      let definition = definitions[position]
      guard code == definition.type.rawValue else {
        throw reader.failure(
          "column \(Names.quoted(definition.name)) has type \(code), the attribute \(definition.type.rawValue)")
      }
      let hasPresence = try reader.readBool()
      let width = Int(try reader.read(UInt8.self))
      guard try reader.read(UInt32.self) == 0 else { throw reader.failure("reserved bytes of an entry are not zero") }
      let byteCount = Int(clamping: try reader.read(UInt64.self))
      entries.append(
        Entry(position: position, type: definition.type, hasPresence: hasPresence, width: width, byteCount: byteCount))
    }
    return entries
  }
}
