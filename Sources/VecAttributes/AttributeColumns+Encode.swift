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
      let there = presence.map { presence in values.indices.lazy.filter { presence[$0] }.map { values[$0] } }
      let base = (there.map { $0.min() } ?? values.min()) ?? 0
      writer.write(base)
      // Wraps around where the values span more than an Int64; the difference as an unsigned number is right all the same.
      var offsets = values.map { UInt64(bitPattern: $0 &- base) }
      if let presence { for row in offsets.indices where !presence[row] { offsets[row] = 0 } }
      return Self.write(offsets, width: Self.width(of: offsets.max() ?? 0), to: &writer)
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
      return Self.write(codes.map(UInt64.init), width: Self.width(ofCodes: dictionary.count), to: &writer)
    case .keywords(let starts, let codes, let dictionary):
      dictionary.write(to: &writer)
      writer.write(array: zip(starts.dropFirst(), starts).map { UInt8($0 - $1) })
      return Self.write(codes.map(UInt64.init), width: Self.width(ofCodes: dictionary.count), to: &writer)
    }
  }

  /// The least width in bytes in which a number fits.
  static func width(of number: UInt64) -> Int {
    switch number {
    case 0: 0
    case ...0xFF: 1
    case ...0xFFFF: 2
    case ...0xFFFF_FFFF: 4
    default: 8
    }
  }

  static func width(ofCodes count: Int) -> Int { width(of: UInt64(max(count, 1) - 1)) }

  private static func write(_ numbers: [UInt64], width: Int, to writer: inout ByteWriter) -> Int {
    switch width {
    case 0: break
    case 1: writer.write(array: numbers.map { UInt8(truncatingIfNeeded: $0) })
    case 2: writer.write(array: numbers.map { UInt16(truncatingIfNeeded: $0) })
    case 4: writer.write(array: numbers.map { UInt32(truncatingIfNeeded: $0) })
    default: writer.write(array: numbers)
    }
    return width
  }
}

extension KeywordDictionary {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.write(UInt32(count))
    writer.write(array: zip(starts.dropFirst(), starts).map { UInt16($0 - $1) })
    writer.write(array: bytes)
  }
}
