package import VecCore

/// A filter that is right for the attributes of one collection: names are positions, comparisons are of the attribute's
/// own type.
package struct CompiledFilter: Sendable {
  let root: Node

  indirect enum Node: Sendable {
    case and([Node])
    case or([Node])
    case not(Node)
    case condition(Condition)
  }

  /// True for a row that has a value and whose test, or its opposite, holds.
  struct Condition: Sendable {
    let position: Int
    let test: Test
    var isNegated = false
  }

  enum Test: Sendable {
    case present
    case ints(ExactRange<Int64>)
    /// Ascending, none twice.
    case intSet([Int64])
    case floats(ExactRange<Double>)
    /// Ascending, none twice.
    case floatSet([Double])
    case bool(acceptsFalse: Bool, acceptsTrue: Bool)
    case keywords(KeywordRange)
    /// Ascending, none twice.
    case keywordSet([Keyword])
    case hasAny([Keyword])
    case hasAll([Keyword])
  }

  /// Keywords by their order: `from` excluded or included, `to` likewise; nil for no bound.
  struct KeywordRange: Sendable {
    var from: (keyword: Keyword, isIncluded: Bool)?
    var to: (keyword: Keyword, isIncluded: Bool)?

    init(_ comparison: Filter.Comparison, _ keyword: Keyword) {
      switch comparison {
      case .equal, .notEqual: (from, to) = ((keyword, true), (keyword, true))
      case .less: to = (keyword, false)
      case .lessOrEqual: to = (keyword, true)
      case .greater: from = (keyword, false)
      case .greaterOrEqual: from = (keyword, true)
      }
    }

    func contains(_ keyword: Keyword) -> Bool {
      if let from, keyword < from.keyword || (!from.isIncluded && keyword == from.keyword) { return false }
      if let to, to.keyword < keyword || (!to.isIncluded && keyword == to.keyword) { return false }
      return true
    }
  }

  /// - Parameter definitions: the collection's attributes in their order.
  /// - Throws: `invalid-argument` when the filter names an attribute that is not there or asks of one what its type does not
  ///   have; the message names the attribute, its type and what would be right. What `Filter.check` throws.
  package init(_ filter: Filter, for definitions: [AttributeDefinition]) throws(VecError) {
    try filter.check()
    root = try FilterCompiler(definitions).node(filter)
  }
}

/// Checks a filter against definitions on the way.
struct FilterCompiler {
  private let definitions: [AttributeDefinition]

  init(_ definitions: [AttributeDefinition]) { self.definitions = definitions }

  func node(_ filter: Filter) throws(VecError) -> CompiledFilter.Node {
    switch filter {
    case .and(let parts): return .and(try nodes(parts))
    case .or(let parts): return .or(try nodes(parts))
    case .not(let part): return .not(try node(part))
    case .exists(let name): return .condition(.init(position: try find(name).position, test: .present))
    case .compare(let name, let comparison, let value):
      let (position, type) = try find(name)
      let test = try compare(name, type, comparison, value)
      return .condition(.init(position: position, test: test, isNegated: comparison == .notEqual))
    case .isIn(let name, let values), .isNotIn(let name, let values):
      let (position, type) = try find(name)
      let isNegated = if case .isNotIn = filter { true } else { false }
      let test = try oneOf(name, type, values, isNegated ? "not in" : "in")
      return .condition(.init(position: position, test: test, isNegated: isNegated))
    case .hasAny(let name, let keywords), .hasAll(let name, let keywords):
      let (position, type) = try find(name)
      guard type == .keywords else { throw unfit(name, type, "has") }
      let set = Set(keywords).sorted()
      let isAny = if case .hasAny = filter { true } else { false }
      return .condition(.init(position: position, test: isAny ? .hasAny(set) : .hasAll(set)))
    }
  }

  private func nodes(_ filters: [Filter]) throws(VecError) -> [CompiledFilter.Node] {
    var nodes: [CompiledFilter.Node] = []
    for filter in filters { nodes.append(try node(filter)) }
    return nodes
  }

  private func compare(
    _ name: String, _ type: AttributeType, _ comparison: Filter.Comparison, _ value: FilterValue
  ) throws(VecError) -> CompiledFilter.Test {
    switch (type, value) {
    case (.keywords, _): throw unfit(name, type, comparison.symbol)
    case (.bool, _) where comparison != .equal && comparison != .notEqual: throw unfit(name, type, comparison.symbol)
    case (.int, .int(let value)): return .ints(ExactRange(comparison, value))
    case (.int, .number(let value)): return .ints(ExactRange(comparison, value))
    case (.float, .int(let value)): return .floats(ExactRange(comparison, value))
    case (.float, .number(let value)): return .floats(ExactRange(comparison, value))
    case (.bool, .bool(let value)): return .bool(acceptsFalse: !value, acceptsTrue: value)
    case (.keyword, .string(let value)): return .keywords(.init(comparison, value))
    default: throw unfit(name, type, value)
    }
  }

  private func oneOf(
    _ name: String, _ type: AttributeType, _ values: [FilterValue], _ word: String
  ) throws(VecError) -> CompiledFilter.Test {
    var ints: Set<Int64> = []
    var floats: Set<Double> = []
    var bools: Set<Bool> = []
    var keywords: Set<Keyword> = []
    for value in values {
      switch (type, value) {
      case (.keywords, _): throw unfit(name, type, word)
      case (.int, .int(let value)): ints.insert(value)
      case (.int, .number(let value)): Int64(exactly: value).map { _ = ints.insert($0) }
      case (.float, .int(let value)): Double(exactly: value).map { _ = floats.insert($0) }
      case (.float, .number(let value)): floats.insert(value)
      case (.bool, .bool(let value)): bools.insert(value)
      case (.keyword, .string(let value)): keywords.insert(value)
      default: throw unfit(name, type, value)
      }
    }
    switch type {
    case .int: return .intSet(ints.sorted())
    case .float: return .floatSet(floats.sorted())
    case .bool: return .bool(acceptsFalse: bools.contains(false), acceptsTrue: bools.contains(true))
    case .keyword, .keywords: return .keywordSet(keywords.sorted())
    }
  }

  private func find(_ name: String) throws(VecError) -> (position: Int, type: AttributeType) {
    if let position = definitions.firstIndex(where: { $0.name == name }) { return (position, definitions[position].type) }
    let known = definitions.prefix(8).map(\.name).joined(separator: ", ") + (definitions.count > 8 ? ", …" : "")
    throw VecError(
      .invalidArgument,
      "filter: there is no attribute \(Names.quoted(name)); there " + (known.isEmpty ? "are none" : "are: \(known)"))
  }

  private func unfit(_ name: String, _ type: AttributeType, _ word: String) -> VecError {
    let right =
      switch type {
      case .int, .float, .keyword: "=, !=, <, <=, >, >=, in, not in"
      case .bool: "=, !=, in, not in"
      case .keywords: "has, has any, has all"
      }
    return VecError(
      .invalidArgument,
      "filter: \(Names.quoted(name)) is \(type.name), \(word) does not apply to it; use \(right), exists or missing")
  }

  private func unfit(_ name: String, _ type: AttributeType, _ value: FilterValue) -> VecError {
    let right =
      switch type {
      case .int, .float: "a number"
      case .bool: "true or false"
      case .keyword, .keywords: "a string"
      }
    return VecError(
      .invalidArgument, "filter: \(Names.quoted(name)) is \(type.name), compare it with \(right) instead of \(value)")
  }
}
