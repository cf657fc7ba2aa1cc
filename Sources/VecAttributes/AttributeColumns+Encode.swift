import VecCore

/// The attributes section of a segment; Formats/attributes.md says the same in words.
extension AttributeColumns {
  static let head = SectionHead(what: "attributes", magic: 0x5254_5441, version: 1)  // "ATTR"
  static let entryBytes = 16

  /// True when no row has a value, so that no section is needed.
  package var isEmpty: Bool { columns.allSatisfy { $0 == nil } }

  package func encode() -> [UInt8] {
    let there = columns.indices.compactMap { position in columns[position].map { (position, $0) } }
    var writer = ByteWriter()
    Self.head.write(UInt16(there.count), rowCount: rowCount, to: &writer)
    let directory = writer.bytes.count
    for (position, column) in there {
      writer.write(UInt8(position))
      writer.write(column.values.type.rawValue)
      writer.write(column.presence == nil ? 0 as UInt8 : 1)
      writer.write(UInt8(0))
      writer.write(UInt32(0))
      writer.write(UInt64(0))
    }
    for (place, (_, column)) in there.enumerated() {
      let start = writer.bytes.count
      let width = column.write(to: &writer)
      let entry = directory + place * Self.entryBytes
      writer.overwrite(UInt8(width), at: entry + 3)
      writer.overwrite(UInt64(writer.bytes.count - start), at: entry + 8)
    }
    return writer.bytes
  }
}

extension AttributeColumns.Column {
  /// Appends the content and returns its width.
  fileprivate func write(to writer: inout ByteWriter) -> Int {
    if let presence { writer.write(array: presence.words) }
    switch values {
    case .ints(let values):
      writer.write(values.base)
      return Self.write(values.offsets, to: &writer)
    case .floats(let values):
      guard values.allSatisfy({ Double(Float($0)).bitPattern == $0.bitPattern }) else {
        writer.write(array: values.map(\.bitPattern))
        return 8
      }
      writer.write(array: values.map { Float($0).bitPattern })
      return 4
    case .bools(let bits):
      writer.write(array: bits.words)
      return 0
    case .keyword(let codes, let dictionary):
      dictionary.write(to: &writer)
      return Self.write(codes.offsets, to: &writer)
    case .keywords(let starts, let codes, let dictionary):
      dictionary.write(to: &writer)
      writer.write(array: zip(starts.dropFirst(), starts).map { UInt8($0 - $1) })
      return Self.write(PackedNumbers(codes: codes).offsets, to: &writer)
    }
  }

  private static func write(_ numbers: PackedNumbers.Offsets, to writer: inout ByteWriter) -> Int {
    numbers.write(to: &writer)
    return numbers.width
  }
}

extension KeywordDictionary {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.write(UInt32(count))
    writer.write(array: zip(starts.dropFirst(), starts).map { UInt16($0 - $1) })
    writer.write(array: bytes)
  }
}
