/// What values an attribute takes. Raw values are those of files and frames.
public enum AttributeType: UInt8, CaseIterable, Sendable {
  /// A signed 64-bit integer.
  case int = 0
  /// A finite binary64.
  case float = 1
  case bool = 2
  /// One `Keyword`.
  case keyword = 3
  /// A set of keywords, which may be empty.
  case keywords = 4

  /// The name of the command line and the manifest.
  public var name: String {
    switch self {
    case .int: "int"
    case .float: "float"
    case .bool: "bool"
    case .keyword: "keyword"
    case .keywords: "keywords"
    }
  }

  public init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}

/// An attribute that the items of a collection may have. Its place among the collection's definitions never changes, so
/// records and columns name it by that.
public struct AttributeDefinition: Sendable, Hashable {
  public var name: String
  public var type: AttributeType

  public init(name: String, type: AttributeType) {
    self.name = name
    self.type = type
  }

  /// That a collection may have these attributes, in this order: at most `Limits.attributesMax`, legal names, none twice.
  ///
  /// - Throws: `invalid-argument` naming the attribute, `limit-exceeded`.
  public static func check(_ definitions: [AttributeDefinition]) throws(VecError) {
    try Limits.check(definitions.count, 0...Limits.attributesMax, "the number of attributes")
    var seen: Set<String> = []
    for definition in definitions {
      try Names.checkAttribute(definition.name)
      guard seen.insert(definition.name).inserted else {
        throw VecError(.invalidArgument, "attribute \(Names.quoted(definition.name)) is defined twice")
      }
    }
  }
}

/// A text of 0 to `Limits.keywordBytesMax` bytes of UTF-8 that is only compared as a whole.
///
/// Equality and order are those of the bytes. `String` itself compares by canonical equivalence, under which an é of one
/// scalar equals one of two; files and the Python client know bytes only.
public struct Keyword: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let text: String

  public init(_ text: String) { self.text = text }
  public init(stringLiteral text: String) { self.text = text }

  public var description: String { text }
  public var byteCount: Int { text.utf8.count }

  public static func == (a: Keyword, b: Keyword) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  public static func < (a: Keyword, b: Keyword) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// The value that one item has for one attribute. An item without a value has none: there is no null.
public enum AttributeValue: Sendable, Hashable {
  case int(Int64)
  /// Finite.
  case float(Double)
  case bool(Bool)
  case keyword(Keyword)
  /// Ascending, none twice: `set(_:)` makes it of any keywords.
  case keywords([Keyword])

  /// A set of keywords in any order and with repeats.
  public static func set(_ values: some Sequence<Keyword>) -> AttributeValue {
    .keywords(Set(values).sorted())
  }

  public var type: AttributeType {
    switch self {
    case .int: .int
    case .float: .float
    case .bool: .bool
    case .keyword: .keyword
    case .keywords: .keywords
    }
  }

  /// What breaks the rules for values, to follow the words "its value"; nil when nothing does.
  package var defect: String? {
    switch self {
    case .int, .bool: return nil
    case .float(let value): return value.isFinite ? nil : "is \(value), must be finite"
    case .keyword(let keyword): return Self.defect(of: keyword)
    case .keywords(let keywords):
      if keywords.count > Limits.keywordsMax { return "has \(keywords.count) keywords, at most \(Limits.keywordsMax) may be" }
      if zip(keywords, keywords.dropFirst()).contains(where: { $0 >= $1 }) {
        return "has keywords that do not ascend by their bytes"
      }
      return keywords.lazy.compactMap(Self.defect).first
    }
  }

  private static func defect(of keyword: Keyword) -> String? {
    keyword.byteCount <= Limits.keywordBytesMax
      ? nil : "has a keyword of \(keyword.byteCount) bytes, at most \(Limits.keywordBytesMax) may be"
  }
}
