public import VecCore

extension Filter {
  /// Reads a filter as people write it. What comes out passes `check`.
  ///
  /// - Throws: `invalid-argument` or `limit-exceeded`, one line with the column; `fault(in:)` has it for a terminal.
  public init(parsing text: String) throws(VecError) {
    do throws(FilterFault) {
      self = try Self.parse(text)
    } catch {
      throw error.error
    }
  }

  /// What keeps a text from being a filter; nil when it is one.
  public static func fault(in text: String) -> FilterFault? {
    do throws(FilterFault) {
      _ = try parse(text)
      return nil
    } catch {
      return error
    }
  }

  static func parse(_ text: String) throws(FilterFault) -> Filter {
    guard text.utf8.count <= Limits.filterTextBytesMax else {
      throw FilterFault.limit(1, "the filter has \(text.utf8.count) bytes", Limits.filterTextBytesMax)
    }
    var parser = try FilterParser(text)
    let filter = try parser.filter()
    let byteCount = filter.encodedUnchecked().count
    guard byteCount <= Limits.filterBytesMax else {
      throw FilterFault.limit(1, "the filter has \(byteCount) bytes in its wire form", Limits.filterBytesMax)
    }
    return filter
  }
}

extension FilterFault {
  static func limit(_ column: Int, _ what: String, _ most: Int) -> FilterFault {
    FilterFault(column, "\(what), at most \(most) may be", code: .limitExceeded)
  }
}

/// Recursive descent over the grammar of Formats/filter.md, a function per rule.
struct FilterParser {
  /// A part of the tree and how many levels it has.
  private typealias Part = (filter: Filter, depth: Int)

  private var lexer: FilterLexer
  private var token: FilterToken
  private var nodes = 0
  private var nesting = 0

  init(_ text: String) throws(FilterFault) {
    lexer = FilterLexer(text)
    token = try lexer.next()
  }

  mutating func filter() throws(FilterFault) -> Filter {
    let filter = try or().filter
    guard token.kind == .end else { throw expected("and, or or the end") }
    return filter
  }

  private mutating func or() throws(FilterFault) -> Part {
    try chain("or", Filter.or) { (parser) throws(FilterFault) in
      try parser.chain("and", Filter.and) { (parser) throws(FilterFault) in try parser.unary() }
    }
  }

  /// Parts with a word between them; one part alone is itself.
  private mutating func chain(
    _ word: String, _ join: ([Filter]) -> Filter, _ one: (inout FilterParser) throws(FilterFault) -> Part
  ) throws(FilterFault) -> Part {
    let column = token.column
    let first = try one(&self)
    guard token.kind == .word(word) else { return first }
    var parts = [first.filter]
    var depth = first.depth
    try countNode(column)
    while token.kind == .word(word) {
      try advance()
      let part = try one(&self)
      parts.append(part.filter)
      depth = max(depth, part.depth)
    }
    return (join(parts), try deeper(depth, column))
  }

  private mutating func unary() throws(FilterFault) -> Part {
    let column = token.column
    let isNot = token.kind == .word("not")
    guard isNot || token.kind == .symbol("(") else { return (try condition(), 1) }
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Limits.filterDepthMax else { throw tooDeep(column) }
    try advance()
    if isNot {
      try countNode(column)
      let part = try unary()
      return (.not(part.filter), try deeper(part.depth, column))
    }
    let part = try or()
    guard token.kind == .symbol(")") else { throw expected("and, or or )") }
    try advance()
    return part
  }

  private mutating func condition() throws(FilterFault) -> Filter {
    try countNode(token.column)
    if token.kind == .word("exists") || token.kind == .word("missing") {
      let isMissing = token.kind == .word("missing")
      if isMissing { try countNode(token.column) }
      try advance()
      try expect("(")
      let name = try self.name("an attribute name")
      try expect(")")
      return isMissing ? .not(.exists(name)) : .exists(name)
    }
    let name = try self.name("an attribute name, not, exists, missing or (")
    switch token.kind {
    case .symbol(let symbol):
      guard let comparison = Filter.Comparison.allCases.first(where: { $0.symbol == symbol }) else { break }
      try advance()
      return .compare(name, comparison, try value())
    case .word("in"):
      try advance()
      return .isIn(name, try list { (parser) throws(FilterFault) in try parser.value() })
    case .word("not"):
      try advance()
      guard token.kind == .word("in") else { throw expected("in") }
      try advance()
      return .isNotIn(name, try list { (parser) throws(FilterFault) in try parser.value() })
    case .word("has"):
      try advance()
      return try has(name)
    default: break
    }
    throw expected("=, !=, <, <=, >, >=, in, not in or has")
  }

  private mutating func has(_ name: String) throws(FilterFault) -> Filter {
    let isAll = token.kind == .word("all")
    guard isAll || token.kind == .word("any") else { return .hasAny(name, [try string("a string, any or all")]) }
    try advance()
    let strings = try list { (parser) throws(FilterFault) in try parser.string("a string") }
    return isAll ? .hasAll(name, strings) : .hasAny(name, strings)
  }

  private mutating func list<T>(
    _ one: (inout FilterParser) throws(FilterFault) -> T
  ) throws(FilterFault) -> [T] {
    try expect("(")
    var values = [try one(&self)]
    while token.kind == .symbol(",") {
      guard values.count < Limits.filterValuesMax else {
        throw FilterFault.limit(token.column, "the list has more values", Limits.filterValuesMax)
      }
      try advance()
      values.append(try one(&self))
    }
    guard token.kind == .symbol(")") else { throw expected(", or )") }
    try advance()
    return values
  }

  private mutating func value() throws(FilterFault) -> FilterValue {
    let value: FilterValue
    switch token.kind {
    case .value(let found): value = found
    case .word("true"): value = .bool(true)
    case .word("false"): value = .bool(false)
    default: throw expected("a number, a string, true or false")
    }
    try advance()
    return value
  }

  private mutating func string(_ what: String) throws(FilterFault) -> Keyword {
    guard case .value(.string(let keyword)) = token.kind else { throw expected(what) }
    try advance()
    return keyword
  }

  private mutating func name(_ what: String) throws(FilterFault) -> String {
    guard case .name(let name) = token.kind else { throw expected(what) }
    try advance()
    return name
  }

  private mutating func expect(_ symbol: String) throws(FilterFault) {
    guard token.kind == .symbol(symbol) else { throw expected(symbol) }
    try advance()
  }

  private mutating func advance() throws(FilterFault) { token = try lexer.next() }

  private func expected(_ what: String) -> FilterFault {
    FilterFault(token.column, "expected \(what), found \(token.found)")
  }

  private mutating func countNode(_ column: Int) throws(FilterFault) {
    nodes += 1
    guard nodes <= Limits.filterNodesMax else {
      throw FilterFault.limit(column, "the filter has more nodes", Limits.filterNodesMax)
    }
  }

  private func deeper(_ depth: Int, _ column: Int) throws(FilterFault) -> Int {
    guard depth < Limits.filterDepthMax else { throw tooDeep(column) }
    return depth + 1
  }

  private func tooDeep(_ column: Int) -> FilterFault {
    FilterFault(column, "the filter is nested deeper than \(Limits.filterDepthMax) levels", code: .limitExceeded)
  }
}
