public import VecCore

/// The wire form; Formats/filter.md says the same in words.
extension Filter {
  static let version: UInt8 = 1

  private enum Op {
    static let and: UInt8 = 1
    static let or: UInt8 = 2
    static let not: UInt8 = 3
    static let exists: UInt8 = 4
    static let comparisons: ClosedRange<UInt8> = 5...10
    static let isIn: UInt8 = 11
    static let isNotIn: UInt8 = 12
    static let hasAny: UInt8 = 13
    static let hasAll: UInt8 = 14
  }

  /// The wire form: at most `Limits.filterBytesMax` bytes.
  ///
  /// - Throws: what `check` throws.
  public func encode() throws(VecError) -> [UInt8] {
    try check()
    return encodedUnchecked()
  }

  func encodedUnchecked() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(Self.version)
    write(to: &writer)
    return writer.bytes
  }

  private func write(to writer: inout ByteWriter) {
    switch self {
    case .and(let parts), .or(let parts):
      if case .and = self { writer.write(Op.and) } else { writer.write(Op.or) }
      writer.write(UInt16(truncatingIfNeeded: parts.count))
      for part in parts { part.write(to: &writer) }
    case .not(let part):
      writer.write(Op.not)
      part.write(to: &writer)
    case .exists(let name): Self.write(Op.exists, name, to: &writer)
    case .compare(let name, let comparison, let value):
      Self.write(comparison.rawValue, name, to: &writer)
      value.write(to: &writer)
    case .isIn(let name, let values), .isNotIn(let name, let values):
      if case .isIn = self { Self.write(Op.isIn, name, to: &writer) } else { Self.write(Op.isNotIn, name, to: &writer) }
      writer.write(UInt16(truncatingIfNeeded: values.count))
      for value in values { value.write(to: &writer) }
    case .hasAny(let name, let keywords), .hasAll(let name, let keywords):
      if case .hasAny = self { Self.write(Op.hasAny, name, to: &writer) } else { Self.write(Op.hasAll, name, to: &writer) }
      writer.write(UInt16(truncatingIfNeeded: keywords.count))
      for keyword in keywords { writer.write(string: keyword.text) }
    }
  }

  private static func write(_ op: UInt8, _ name: String, to writer: inout ByteWriter) {
    writer.write(op)
    writer.write(UInt8(truncatingIfNeeded: name.utf8.count))
    writer.write(bytes: name.utf8)
  }

  /// Reads a filter that nobody vouches for. What comes out passes `check` and encodes to the same bytes.
  ///
  /// - Throws: `malformed-frame`, `limit-exceeded`, `not-available` for another version.
  public init(decoding bytes: [UInt8]) throws(VecError) {
    self = try bytes.withUnsafeBufferPointer { (buffer) throws(VecError) in
      try Filter(decoding: UnsafeRawBufferPointer(buffer))
    }
  }

  package init(decoding bytes: UnsafeRawBufferPointer) throws(VecError) {
    guard bytes.count <= Limits.filterBytesMax else { throw Self.excess("has \(bytes.count) bytes", Limits.filterBytesMax) }
    var reader = ByteReader(bytes, code: .malformedFrame, context: "filter")
    let version = try reader.read(UInt8.self)
    guard version == Self.version else {
      throw VecError(.notAvailable, "filter: version \(version) is not known, this daemon reads \(Self.version)")
    }
    var nodes = 0
    self = try Self.readNode(&reader, depth: 1, &nodes)
    try reader.finish()
  }

  private static func readNode(_ reader: inout ByteReader, depth: Int, _ nodes: inout Int) throws(VecError) -> Filter {
    nodes += 1
    guard depth <= Limits.filterDepthMax else { throw excess("is nested \(depth) deep", Limits.filterDepthMax) }
    guard nodes <= Limits.filterNodesMax else { throw excess("has \(nodes) nodes", Limits.filterNodesMax) }
    let op = try reader.read(UInt8.self)
    switch op {
    case Op.and, Op.or:
      let count = try reader.read(UInt16.self)
      guard count >= 2 else { throw reader.failure("and, or have \(count) parts, must have 2 or more") }
      var parts: [Filter] = []
      for _ in 0..<count { parts.append(try readNode(&reader, depth: depth + 1, &nodes)) }
      return op == Op.and ? .and(parts) : .or(parts)
    case Op.not: return .not(try readNode(&reader, depth: depth + 1, &nodes))
    case Op.exists: return .exists(try readName(&reader))
    case Op.isIn: return .isIn(try readName(&reader), try readList(&reader, FilterValue.read))
    case Op.isNotIn: return .isNotIn(try readName(&reader), try readList(&reader, FilterValue.read))
    case Op.hasAny: return .hasAny(try readName(&reader), try readList(&reader, FilterValue.readString))
    case Op.hasAll: return .hasAll(try readName(&reader), try readList(&reader, FilterValue.readString))
    default:
      guard let comparison = Comparison(rawValue: op) else { throw reader.failure("op \(op) is not known") }
      return .compare(try readName(&reader), comparison, try FilterValue.read(&reader))
    }
  }

  private static func readName(_ reader: inout ByteReader) throws(VecError) -> String {
    let bytes = try reader.readBytes(Int(try reader.read(UInt8.self)))
    guard let name = String(validating: bytes, as: UTF8.self), Names.isAttribute(name) else {
      throw reader.failure("no attribute can have the name \(Names.quoted(String(decoding: bytes, as: UTF8.self)))")
    }
    return name
  }

  private static func readList<T>(
    _ reader: inout ByteReader, _ one: (inout ByteReader) throws(VecError) -> T
  ) throws(VecError) -> [T] {
    let count = Int(try reader.read(UInt16.self))
    guard count >= 1 else { throw reader.failure("a list is empty") }
    guard count <= Limits.filterValuesMax else { throw excess("has a list of \(count)", Limits.filterValuesMax) }
    var values: [T] = []
    for _ in 0..<count { values.append(try one(&reader)) }
    return values
  }
}

extension FilterValue {
  private enum Kind {
    static let int: UInt8 = 0
    static let number: UInt8 = 1
    static let bool: UInt8 = 2
    static let string: UInt8 = 3
  }

  func write(to writer: inout ByteWriter) {
    switch self {
    case .int(let value):
      writer.write(Kind.int)
      writer.write(value)
    case .number(let value):
      writer.write(Kind.number)
      writer.write(value.bitPattern)
    case .bool(let value):
      writer.write(Kind.bool)
      writer.write(value)
    case .string(let keyword):
      writer.write(Kind.string)
      writer.write(string: keyword.text)
    }
  }

  static func read(_ reader: inout ByteReader) throws(VecError) -> FilterValue {
    let kind = try reader.read(UInt8.self)
    switch kind {
    case Kind.int: return .int(try reader.read())
    case Kind.number:
      let value = Double(bitPattern: try reader.read())
      guard value.isFinite else { throw reader.failure("a number is \(value), must be finite") }
      return .number(value)
    case Kind.bool: return .bool(try reader.readBool())
    case Kind.string: return .string(try readString(&reader))
    default: throw reader.failure("kind \(kind) of a value is not known")
    }
  }

  static func readString(_ reader: inout ByteReader) throws(VecError) -> Keyword {
    let keyword = Keyword(try reader.readString())
    guard keyword.byteCount <= Limits.keywordBytesMax else {
      throw Filter.excess("has a string of \(keyword.byteCount) bytes", Limits.keywordBytesMax)
    }
    return keyword
  }
}
