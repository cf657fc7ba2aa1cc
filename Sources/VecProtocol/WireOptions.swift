import VecCore

/// What some bodies end with: nothing, or any number of options, each a tag, a length and so many bytes.
enum WireOptions {
  /// Reads to the end of the body. A form error anywhere goes before an unknown tag, which is a wish of a newer client.
  ///
  /// - Parameters:
  ///   - message: for the error, e.g. "search".
  ///   - read: reads the content of an option of this tag and length; false, with nothing read, when the tag is not known.
  static func parse(
    _ reader: inout ByteReader, of message: String,
    _ read: (_ tag: UInt16, _ length: Int, inout ByteReader) throws(VecError) -> Bool
  ) throws(VecError) {
    var last: UInt16?
    var unknown: UInt16?
    while reader.remaining > 0 {
      let tag: UInt16 = try reader.read()
      if let last, tag <= last { throw reader.failure("option \(tag) comes after option \(last), tags must ascend") }
      last = tag
      let length = Int(try reader.read(UInt32.self))
      guard length <= reader.remaining else {
        throw reader.failure("option \(tag) has \(length) bytes, the body ends before")
      }
      let end = reader.offset + length
      if try !read(tag, length, &reader) {
        _ = try reader.readBytes(length)
        unknown = unknown ?? tag
      }
      guard reader.offset == end else {
        throw reader.failure("option \(tag) says it has \(length) bytes, its content has another length")
      }
    }
    if let unknown {
      throw VecError(
        .notAvailable, "\(message) option \(unknown) is unknown to \(VecVersion.writer); leave it out, or use a newer daemon")
    }
  }

  /// Appends an option whose content `body` writes.
  static func write(_ tag: UInt16, to writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
    writer.write(tag)
    let place = writer.bytes.count
    writer.write(UInt32(0))
    body(&writer)
    writer.overwrite(UInt32(clamping: writer.bytes.count - place - 4), at: place)
  }
}

/// The options that are records of items (Formats/attributes.md), one per row.
enum RecordOption {
  static let tag: UInt16 = 1

  /// Reads to the end of the body.
  static func parse(_ reader: inout ByteReader, of message: String, count: Int) throws(VecError) -> [AttributeRecord] {
    var records: [AttributeRecord] = []
    try WireOptions.parse(&reader, of: message) { (tag, _, reader) throws(VecError) in
      guard tag == Self.tag else { return false }
      records = try AttributeRecord.read(&reader, count: count)
      return true
    }
    return records
  }

  /// Nothing for no records.
  static func write(_ records: [AttributeRecord], to writer: inout ByteWriter) {
    guard !records.isEmpty else { return }
    WireOptions.write(tag, to: &writer) { AttributeRecord.write(records, to: &$0) }
  }
}

extension ByteReader {
  /// At least one of the bits that are known.
  mutating func readFields() throws(VecError) -> ItemFields {
    let fields = ItemFields(rawValue: try read(UInt8.self))
    guard !fields.isEmpty, fields.isSubset(of: .all) else {
      throw failure("fields are \(fields.rawValue), must be 1 to \(ItemFields.all.rawValue)")
    }
    return fields
  }

  mutating func readAttribute() throws(VecError) -> AttributeDefinition {
    let name = try readString()
    let code = try read(UInt8.self)
    guard let type = AttributeType(rawValue: code) else {
      throw failure("type \(code) of attribute \(Names.quoted(name)) is unknown, must be 0 to 4")
    }
    return AttributeDefinition(name: name, type: type)
  }
}

extension ByteWriter {
  mutating func write(_ attribute: AttributeDefinition) {
    write(string: attribute.name)
    write(attribute.type.rawValue)
  }
}
