public import VecCore

/// A condition on the attributes of items; `Formats/filter.md` has text, meaning and wire form.
///
/// It holds names, not positions, and is good for every collection until it is compiled for one. Every filter is true or
/// false for every item: a condition on a missing value is false, `not` turns it around.
///
///     let filter = try Filter(parsing: #"category = "sports" and price < 20"#)
public indirect enum Filter: Sendable, Hashable {
  /// Two or more.
  case and([Filter])
  /// Two or more.
  case or([Filter])
  case not(Filter)
  /// The item has a value for the attribute.
  case exists(String)
  case compare(String, Comparison, FilterValue)
  /// The value equals one of these: one or more.
  case isIn(String, [FilterValue])
  /// There is a value, and it equals none of these.
  case isNotIn(String, [FilterValue])
  /// One of these is in the item's set.
  case hasAny(String, [Keyword])
  /// Each of these is in the item's set.
  case hasAll(String, [Keyword])

  /// Raw values are those of the wire form.
  public enum Comparison: UInt8, CaseIterable, Sendable {
    case equal = 5
    case notEqual = 6
    case less = 7
    case lessOrEqual = 8
    case greater = 9
    case greaterOrEqual = 10

    /// The operator of the text.
    public var symbol: String {
      switch self {
      case .equal: "="
      case .notEqual: "!="
      case .less: "<"
      case .lessOrEqual: "<="
      case .greater: ">"
      case .greaterOrEqual: ">="
      }
    }
  }
}

/// A value as a filter states it. Integers and numbers are both compared, exactly, with attributes of either type.
public enum FilterValue: Sendable, Hashable {
  case int(Int64)
  /// Finite.
  case number(Double)
  case bool(Bool)
  case string(Keyword)
}

extension Filter {
  /// That it can be sent: what the limits and rules of the format demand of filters made by hand. Parsed ones pass.
  ///
  /// - Throws: `limit-exceeded`, `invalid-argument`.
  public func check() throws(VecError) {
    var nodes = 0
    try check(depth: 1, &nodes)
    let byteCount = encodedUnchecked().count
    guard byteCount <= Limits.filterBytesMax else { throw Self.excess("has \(byteCount) bytes", Limits.filterBytesMax) }
  }

  private func check(depth: Int, _ nodes: inout Int) throws(VecError) {
    nodes += 1
    guard depth <= Limits.filterDepthMax else { throw Self.excess("is nested \(depth) deep", Limits.filterDepthMax) }
    guard nodes <= Limits.filterNodesMax else { throw Self.excess("has \(nodes) nodes", Limits.filterNodesMax) }
    switch self {
    case .and(let parts), .or(let parts):
      guard parts.count >= 2 else { throw VecError(.invalidArgument, "filter: and, or have \(parts.count) parts, must have 2") }
      for part in parts { try part.check(depth: depth + 1, &nodes) }
    case .not(let part): try part.check(depth: depth + 1, &nodes)
    case .exists(let name): try Names.checkAttribute(name)
    case .compare(let name, _, let value): try Self.check(name, [value])
    case .isIn(let name, let values), .isNotIn(let name, let values): try Self.check(name, values)
    case .hasAny(let name, let keywords), .hasAll(let name, let keywords):
      try Self.check(name, keywords.map { .string($0) })
    }
  }

  private static func check(_ name: String, _ values: [FilterValue]) throws(VecError) {
    try Names.checkAttribute(name)
    guard !values.isEmpty else { throw VecError(.invalidArgument, "filter: the list for \(Names.quoted(name)) is empty") }
    guard values.count <= Limits.filterValuesMax else { throw excess("has a list of \(values.count)", Limits.filterValuesMax) }
    for value in values {
      switch value {
      case .int, .bool: continue
      case .number(let number):
        guard number.isFinite else { throw VecError(.invalidArgument, "filter: a number is \(number), must be finite") }
      case .string(let keyword):
        guard keyword.byteCount <= Limits.keywordBytesMax else {
          throw excess("has a string of \(keyword.byteCount) bytes", Limits.keywordBytesMax)
        }
      }
    }
  }

  static func excess(_ what: String, _ most: Int) -> VecError {
    VecError(.limitExceeded, "filter: it \(what), at most \(most) may be")
  }
}
