package import VecCore

extension CompiledFilter {
  /// Whether the filter is true for one item: what a delta asks of its rows, which are records and no columns.
  package func matches(_ record: AttributeRecord) -> Bool { Self.matches(root, record) }

  private static func matches(_ node: Node, _ record: AttributeRecord) -> Bool {
    switch node {
    case .and(let parts): parts.allSatisfy { matches($0, record) }
    case .or(let parts): parts.contains { matches($0, record) }
    case .not(let part): !matches(part, record)
    case .condition(let condition):
      if let value = record[condition.position] { condition.test.holds(value) != condition.isNegated } else { false }
    }
  }
}

extension CompiledFilter.Test {
  /// A value of another type than the attribute's fails every test.
  func holds(_ value: AttributeValue) -> Bool {
    switch (self, value) {
    case (.present, _): true
    case (.ints(let range), .int(let value)): range.contains(value)
    case (.intSet(let set), .int(let value)): set.holdsAscending(value)
    case (.floats(let range), .float(let value)): range.contains(value)
    case (.floatSet(let set), .float(let value)): set.holdsAscending(value)
    case (.bool(let acceptsFalse, let acceptsTrue), .bool(let value)): value ? acceptsTrue : acceptsFalse
    case (.keywords(let range), .keyword(let value)): range.contains(value)
    case (.keywordSet(let set), .keyword(let value)): set.holdsAscending(value)
    case (.hasAny(let wanted), .keywords(let values)): wanted.contains { values.holdsAscending($0) }
    case (.hasAll(let wanted), .keywords(let values)): wanted.allSatisfy { values.holdsAscending($0) }
    default: false
    }
  }
}

extension RandomAccessCollection where Element: Comparable, Index == Int {
  /// Whether an ascending collection has the element.
  func holdsAscending(_ wanted: Element) -> Bool {
    let place = lowerBound(of: wanted)
    return place < endIndex && self[place] == wanted
  }

  /// The first place of an ascending collection whose element is not below the one wanted.
  func lowerBound(of wanted: Element) -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = low + (high - low) / 2
      if self[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
