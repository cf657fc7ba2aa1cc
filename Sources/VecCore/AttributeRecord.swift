/// What one item has besides its vector: attributes, payload, string id; `Formats/attributes.md` has the byte form.
public struct AttributeRecord: Sendable, Equatable {
  /// Opaque to vecd; empty for none. At most `Limits.payloadBytesMax` bytes.
  public var payload: [UInt8]
  /// The text that the item is known by; there in collections with string ids, and only there.
  public var stringID: Keyword?
  /// By position of the attribute, ascending.
  package private(set) var entries: [Entry]

  package struct Entry: Sendable, Equatable {
    package var position: Int
    package var value: AttributeValue
  }

  /// - Parameters:
  ///   - values: by position of the attribute in the collection's definitions; of equal positions the last counts.
  public init(
    _ values: [(position: Int, value: AttributeValue)] = [], payload: [UInt8] = [], stringID: Keyword? = nil
  ) {
    self.payload = payload
    self.stringID = stringID
    entries = []
    for (position, value) in values { self[position] = value }
  }

  public var isEmpty: Bool { entries.isEmpty && payload.isEmpty && stringID == nil }

  /// Whether it has values of attributes.
  package var hasValues: Bool { !entries.isEmpty }

  /// About the bytes of memory that it takes.
  package var memoryByteCount: Int { 96 + 64 * entries.count + byteCount }

  /// The value of the attribute at a position; nil when the item has none.
  public subscript(position: Int) -> AttributeValue? {
    get { entries.first { $0.position == position }?.value }
    set {
      let place = entries.firstIndex { $0.position >= position } ?? entries.count
      let isThere = place < entries.count && entries[place].position == position
      let new = newValue.map { [Entry(position: position, value: $0)] } ?? []
      entries.replaceSubrange(place..<(isThere ? place + 1 : place), with: new)
    }
  }

  /// That an item of a collection with these attributes may have it.
  ///
  /// - Throws: `invalid-argument` naming the attribute and what would be right, `limit-exceeded` for a payload too long.
  public func check(_ definitions: [AttributeDefinition]) throws(VecError) {
    for entry in entries {
      guard definitions.indices.contains(entry.position) else {
        throw VecError(
          .invalidArgument, "there is no attribute at position \(entry.position), the collection has \(definitions.count)")
      }
      let definition = definitions[entry.position]
      guard entry.value.type == definition.type else {
        throw VecError(
          .invalidArgument,
          "attribute \(Names.quoted(definition.name)) is \(definition.type.name), its value is \(entry.value.type.name)")
      }
      if let defect = entry.value.defect {
        throw VecError(.invalidArgument, "attribute \(Names.quoted(definition.name)): its value \(defect)")
      }
    }
    try Limits.check(payload.count, 0...Limits.payloadBytesMax, "the bytes of a payload")
  }
}

/// What comes with an item besides its vector or score. Raw values are the bits of frames.
public struct ItemFields: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let attributes = ItemFields(rawValue: 1)
  public static let payload = ItemFields(rawValue: 2)
  public static let stringID = ItemFields(rawValue: 4)
  package static let all: ItemFields = [.attributes, .payload, .stringID]
}

extension AttributeRecord {
  /// The parts that were asked for.
  package func only(_ fields: ItemFields) -> AttributeRecord {
    var record = fields.contains(.attributes) ? self : AttributeRecord()
    record.payload = fields.contains(.payload) ? payload : []
    record.stringID = fields.contains(.stringID) ? stringID : nil
    return record
  }

  /// Bytes of the byte form.
  package var byteCount: Int {
    entries.reduce(5 + payload.count + (stringID.map { 2 + $0.byteCount } ?? 0)) { sum, entry in
      let value =
        switch entry.value {
        case .int, .float: 8
        case .bool: 1
        case .keyword(let keyword): 2 + keyword.byteCount
        case .keywords(let keywords): keywords.reduce(1) { $0 + 2 + $1.byteCount }
        }
      return sum + 2 + value
    }
  }
}

/// The byte form, which names attributes by position and carries types, so it can be read without the definitions.
extension AttributeRecord {
  /// Bit of the count of values: a string id follows.
  private static let stringIDFlag: UInt8 = 0x80

  /// Appends the record. It must have passed `check`.
  package func write(to writer: inout ByteWriter) {
    writer.write(UInt8(entries.count) | (stringID == nil ? 0 : Self.stringIDFlag))
    if let stringID { writer.write(string: stringID.text) }
    for entry in entries {
      writer.write(UInt8(entry.position))
      writer.write(entry.value.type.rawValue)
      switch entry.value {
      case .int(let value): writer.write(value)
      case .float(let value): writer.write(value.bitPattern)
      case .bool(let value): writer.write(value)
      case .keyword(let keyword): writer.write(string: keyword.text)
      case .keywords(let keywords):
        writer.write(UInt8(keywords.count))
        for keyword in keywords { writer.write(string: keyword.text) }
      }
    }
    writer.write(UInt32(payload.count))
    writer.write(bytes: payload)
  }

  /// Appends the records of several items, one after the other.
  package static func write(_ records: [AttributeRecord], to writer: inout ByteWriter) {
    for record in records { record.write(to: &writer) }
  }

  /// Reads so many records.
  package static func read(_ reader: inout ByteReader, count: Int) throws(VecError) -> [AttributeRecord] {
    // Each takes 5 bytes, so that no count makes us reserve what cannot come.
    guard count <= reader.remaining / 5 else { throw reader.failure("\(count) records cannot fit in the rest") }
    var records: [AttributeRecord] = []
    records.reserveCapacity(count)
    for _ in 0..<count { records.append(try read(&reader)) }
    return records
  }

  package func encode() -> [UInt8] {
    var writer = ByteWriter()
    write(to: &writer)
    return writer.bytes
  }

  /// Reads the next record of bytes that nobody vouches for: any record that `check` lets pass for some definitions.
  ///
  /// - Throws: the reader's code when the bytes are none.
  package static func read(_ reader: inout ByteReader) throws(VecError) -> AttributeRecord {
    let first = try reader.read(UInt8.self)
    let count = Int(first & ~stringIDFlag)
    guard count <= Limits.attributesMax else {
      throw reader.failure("a record has \(count) values, at most \(Limits.attributesMax) may be")
    }
    var record = AttributeRecord()
    if first & stringIDFlag != 0 {
      let text = try reader.readString()
      if let defect = StringID.defect(of: text) { throw reader.failure("a string id \(defect)") }
      record.stringID = Keyword(text)
    }
    record.entries.reserveCapacity(count)
    var least = 0
    for _ in 0..<count {
      let position = Int(try reader.read(UInt8.self))
      guard position >= least, position < Limits.attributesMax else {
        throw reader.failure("position \(position) of a record must be \(least) to \(Limits.attributesMax - 1)")
      }
      least = position + 1
      record.entries.append(Entry(position: position, value: try readValue(&reader)))
    }
    let payloadCount = Int(try reader.read(UInt32.self))
    guard payloadCount <= Limits.payloadBytesMax else {
      throw reader.failure("a payload has \(payloadCount) bytes, at most \(Limits.payloadBytesMax) may be")
    }
    record.payload = try reader.readArray(UInt8.self, count: payloadCount)
    return record
  }

  private static func readValue(_ reader: inout ByteReader) throws(VecError) -> AttributeValue {
    let code = try reader.read(UInt8.self)
    guard let type = AttributeType(rawValue: code) else { throw reader.failure("type \(code) of a value is not known") }
    let value: AttributeValue
    switch type {
    case .int: value = .int(try reader.read())
    case .float: value = .float(Double(bitPattern: try reader.read()))
    case .bool: value = .bool(try reader.readBool())
    case .keyword: value = .keyword(Keyword(try reader.readString()))
    case .keywords:
      var keywords: [Keyword] = []
      for _ in 0..<Int(try reader.read(UInt8.self)) { keywords.append(Keyword(try reader.readString())) }
      value = .keywords(keywords)
    }
    if let defect = value.defect { throw reader.failure("a value \(defect)") }
    return value
  }
}
