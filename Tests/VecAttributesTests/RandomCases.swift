import VecAttributes
import VecCore

/// Random schemas, rows and filters that meet often: few values, many of them at the edges of their types.
struct RandomCases {
  var generator: SplitMix64

  init(seed: UInt64) { generator = SplitMix64(seed: seed) }

  static let ints: [Int64] = [
    .min, .min + 1, -9_007_199_254_740_993, -2, -1, 0, 1, 2, 3, 9_007_199_254_740_992, 9_007_199_254_740_993,
    9_007_199_254_740_994, 9_223_372_036_854_774_784, .max - 1, .max,
  ]
  static let floats: [Double] = [
    -.greatestFiniteMagnitude, -0x1p63, -9_007_199_254_740_992, -2.5, -1, -0.0, 0, .leastNonzeroMagnitude, 0.1, 1, 1.5, 2,
    2.5, 9_007_199_254_740_992, 9_007_199_254_740_994, 9_223_372_036_854_774_784, 0x1p63, 1e300, .greatestFiniteMagnitude,
  ]
  static let keywords: [Keyword] = [
    "", "a", "aa", "b", "eu", "us", "é", "e\u{301}", "\u{0}", "\u{1F600}", "line\nend", "\"quoted\" \\ 'text'", "z",
  ]

  mutating func below(_ count: Int) -> Int { Int(generator.next() % UInt64(count)) }
  mutating func one<T>(of values: [T]) -> T { values[below(values.count)] }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  mutating func definitions() -> [AttributeDefinition] {
    (0..<(1 + below(6))).map { AttributeDefinition(name: "a\($0)", type: one(of: AttributeType.allCases)) }
  }

  mutating func int() -> Int64 { chance(90) ? one(of: Self.ints) : Int64(bitPattern: generator.next()) }

  mutating func float() -> Double {
    if chance(90) { return one(of: Self.floats) }
    let value = Double(bitPattern: generator.next())
    return value.isFinite ? value : 7
  }

  mutating func value(_ type: AttributeType) -> AttributeValue {
    switch type {
    case .int: .int(int())
    case .float: .float(float())
    case .bool: .bool(chance(50))
    case .keyword: .keyword(one(of: Self.keywords))
    case .keywords: .set((0..<below(5)).map { _ in one(of: Self.keywords) })
    }
  }

  /// Rows in which each attribute has its own share of missing values; none and all occur.
  mutating func records(_ definitions: [AttributeDefinition], count: Int) -> [AttributeRecord] {
    let shares = definitions.map { _ in one(of: [0, 10, 50, 95, 100]) }
    return (0..<count).map { _ in
      var record = AttributeRecord()
      for (position, definition) in definitions.enumerated() where !chance(shares[position]) {
        record[position] = value(definition.type)
      }
      if chance(30) { record.payload = (0..<below(20)).map { UInt8($0) } }
      return record
    }
  }

  mutating func filter(_ definitions: [AttributeDefinition], depth: Int = 4) -> Filter {
    switch depth <= 1 ? 9 : below(10) {
    case 0, 1: .and((0..<(2 + below(2))).map { _ in filter(definitions, depth: depth - 1) })
    case 2, 3: .or((0..<(2 + below(2))).map { _ in filter(definitions, depth: depth - 1) })
    case 4, 5: .not(filter(definitions, depth: depth - 1))
    default: condition(one(of: definitions))
    }
  }

  private mutating func condition(_ definition: AttributeDefinition) -> Filter {
    let name = definition.name
    if chance(10) { return .exists(name) }
    if definition.type == .keywords {
      let keywords = (0..<(1 + below(3))).map { _ in one(of: Self.keywords + ["nowhere"]) }
      return chance(50) ? .hasAny(name, keywords) : .hasAll(name, keywords)
    }
    if chance(40) {
      let values = (0..<(chance(10) ? 40 : 1 + below(4))).map { _ in operand(definition.type) }
      return chance(50) ? .isIn(name, values) : .isNotIn(name, values)
    }
    let comparisons: [Filter.Comparison] = definition.type == .bool ? [.equal, .notEqual] : Filter.Comparison.allCases
    return .compare(name, one(of: comparisons), operand(definition.type))
  }

  private mutating func operand(_ type: AttributeType) -> FilterValue {
    switch type {
    case .int, .float: chance(50) ? .int(int()) : .number(float())
    case .bool: .bool(chance(50))
    case .keyword, .keywords: .string(one(of: Self.keywords + ["nowhere"]))
    }
  }
}

/// What Formats/filter.md says, one row at a time and in the simplest words: the reference.
enum Reference {
  static func holds(_ filter: Filter, _ row: [String: AttributeValue]) -> Bool {
    switch filter {
    case .and(let parts): parts.map { holds($0, row) }.reduce(true) { $0 && $1 }
    case .or(let parts): parts.map { holds($0, row) }.reduce(false) { $0 || $1 }
    case .not(let part): !holds(part, row)
    case .exists(let name): row[name] != nil
    case .compare(let name, let comparison, let operand):
      row[name].map { value in
        let order = order(value, operand)
        switch comparison {
        case .equal: return order == 0
        case .notEqual: return order != 0
        case .less: return order < 0
        case .lessOrEqual: return order <= 0
        case .greater: return order > 0
        case .greaterOrEqual: return order >= 0
        }
      } ?? false
    case .isIn(let name, let operands): row[name].map { value in operands.contains { order(value, $0) == 0 } } ?? false
    case .isNotIn(let name, let operands): row[name].map { value in !operands.contains { order(value, $0) == 0 } } ?? false
    case .hasAny(let name, let keywords): keywords.contains { set(row[name]).contains($0) }
    case .hasAll(let name, let keywords): keywords.allSatisfy { set(row[name]).contains($0) }
    }
  }

  private static func set(_ value: AttributeValue?) -> [Keyword] {
    if case .keywords(let keywords) = value { keywords } else { [] }
  }

  /// Negative, 0 or positive as the value is below, equal to, or above the operand.
  private static func order(_ value: AttributeValue, _ operand: FilterValue) -> Int {
    switch (value, operand) {
    case (.int(let a), .int(let b)): sign(a, b)
    case (.int(let a), .number(let b)): order(a, b)
    case (.float(let a), .int(let b)): -order(b, a)
    case (.float(let a), .number(let b)): sign(a, b)
    case (.bool(let a), .bool(let b)): sign(a ? 1 : 0, b ? 1 : 0)
    case (.keyword(let a), .string(let b)): sign(Array(a.text.utf8), Array(b.text.utf8))
    default: preconditionFailure("a filter that does not fit the row")
    }
  }

  /// An integer and a double, by whole part and rest.
  private static func order(_ integer: Int64, _ double: Double) -> Int {
    if double >= 0x1p63 { return -1 }
    if double < -0x1p63 { return 1 }
    let whole = double.rounded(.down)
    let order = sign(integer, Int64(whole))
    return order == 0 && double > whole ? -1 : order
  }

  private static func sign<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a > b ? 1 : 0 }

  private static func sign(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
  }
}

extension AttributeRecord {
  func named(_ definitions: [AttributeDefinition]) -> [String: AttributeValue] {
    var row: [String: AttributeValue] = [:]
    for (position, definition) in definitions.enumerated() { row[definition.name] = self[position] }
    return row
  }
}

/// Columns of records.
func columns(_ definitions: [AttributeDefinition], _ records: [AttributeRecord]) throws -> AttributeColumns {
  var builder = AttributeColumnsBuilder(definitions)
  for record in records { try builder.append(record) }
  return builder.finish()
}
