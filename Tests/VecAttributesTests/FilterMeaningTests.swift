import Testing
import VecAttributes
import VecCore
import VecTestSupport

@Suite("What filters mean")
struct FilterMeaningTests {
  @Test(
    "10,000 random filters are true for exactly the rows of the reference, by columns and by records",
    arguments: (1...8).map { Seed(UInt64($0)) })
  func equalToReference(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<125 {
      let definitions = cases.definitions()
      let records = cases.records(definitions, count: cases.one(of: [1, 2, 63, 64, 65, 150, 257]))
      let columns = try columns(definitions, records)
      let rows = records.map { $0.named(definitions) }
      for _ in 0..<10 {
        let filter = cases.filter(definitions)
        let compiled = try CompiledFilter(filter, for: definitions)
        let (bitmap, count) = compiled.rows(of: columns)
        let right = rows.map { Reference.holds(filter, $0) }
        let wrong = rows.indices.first { bitmap[$0] != right[$0] || compiled.matches(records[$0]) != right[$0] }
        if let wrong { Issue.record("\(seed): \(filter) on \(rows[wrong]) is \(right[wrong])") }
        #expect(count == right.filter { $0 }.count && count == bitmap.count)
      }
    }
  }

  @Test(
    "more rows than a run of 4096: bits past the last row are 0, whatever is negated",
    arguments: [4_095, 4_096, 4_097, 9_000])
  func manyRows(count: Int) throws {
    var cases = RandomCases(seed: 9)
    let definitions = [AttributeDefinition(name: "a", type: .int), AttributeDefinition(name: "k", type: .keywords)]
    let records = cases.records(definitions, count: count)
    let columns = try columns(definitions, records)
    for _ in 0..<20 {
      let filter = cases.filter(definitions, depth: 5)
      let (bitmap, _) = try CompiledFilter(filter, for: definitions).rows(of: columns)
      #expect(bitmap.words.count == (count + 63) / 64)
      let right = records.map { Reference.holds(filter, $0.named(definitions)) }
      #expect((0..<count).map { bitmap[$0] } == right && bitmap.count == right.filter { $0 }.count, "\(filter)")
    }
  }

  @Test("numbers are compared right at, between and beyond the ends of every width, with and without missing ones")
  func everyWidth() throws {
    let definitions = [AttributeDefinition(name: "a", type: .int)]
    for span in [0, 1, 255, 256, 65_535, 65_536, 1 << 32 - 1, 1 << 32] as [Int64] {
      for base in [-7, 0, 1_000_000, .min, .max - span] as [Int64] {
        let values = [0, span / 3, span / 2, span - 1, span].map { base + max(0, min(span, $0)) }
        let records = (0..<130).map { row in
          row % 11 == 3 ? AttributeRecord() : AttributeRecord([(0, .int(values[row % values.count]))])
        }
        for records in [records, records.filter { !$0.entries.isEmpty }] {
          let columns = try columns(definitions, records)
          let rows = records.map { $0.named(definitions) }
          for filter in Self.comparisons(with: values) {
            let bitmap = try CompiledFilter(filter, for: definitions).rows(of: columns).bitmap
            #expect(rows.indices.allSatisfy { bitmap[$0] == Reference.holds(filter, rows[$0]) }, "\(filter), \(base), \(span)")
          }
        }
      }
    }
  }

  /// With each value and its neighbours, and with sets that are few, neighbours, and many.
  private static func comparisons(with values: [Int64]) -> [Filter] {
    let near = values.flatMap { [$0 == .min ? $0 : $0 - 1, $0, $0 == .max ? $0 : $0 + 1] } + [.min, .max]
    let single = near.flatMap { value in
      Filter.Comparison.allCases.map { Filter.compare("a", $0, .int(value)) }
    }
    let many = (0..<40).map { FilterValue.int(values[0] &+ 2 * $0) }
    let run = (0..<40).map { FilterValue.int(values[0] &+ $0) }
    let sets = [[.int(values[1])], values.map { .int($0) }, many, run, many + values.map { .int($0) }]
    return single + sets.flatMap { [Filter.isIn("a", $0), Filter.isNotIn("a", $0)] }
  }

  @Test("keywords of sets large and small, by the codes of small and of large dictionaries", arguments: [3, 200, 300])
  func keywordSets(count: Int) throws {
    let definitions = [AttributeDefinition(name: "k", type: .keyword)]
    let records = (0..<700).map { row in
      row % 13 == 5 ? AttributeRecord() : AttributeRecord([(0, .keyword(Keyword("\(row % count)")))])
    }
    let columns = try columns(definitions, records)
    let rows = records.map { $0.named(definitions) }
    for wanted in [[0], [1, 2], Array(stride(from: 0, to: count, by: 3)), Array(0..<count), [count + 1]] {
      let keywords = wanted.map { FilterValue.string(Keyword("\($0)")) }
      for filter in [Filter.isIn("k", keywords), .isNotIn("k", keywords)] {
        let bitmap = try CompiledFilter(filter, for: definitions).rows(of: columns).bitmap
        #expect(rows.indices.allSatisfy { bitmap[$0] == Reference.holds(filter, rows[$0]) }, "\(filter)")
      }
    }
  }

  @Test("the table of missing values")
  func missing() throws {
    let definitions = [AttributeDefinition(name: "a", type: .int)]
    let records = [AttributeRecord([(0, .int(1))]), AttributeRecord([(0, .int(2))]), AttributeRecord()]
    let columns = try columns(definitions, records)
    let table: [(String, [Bool])] = [
      ("a = 1", [true, false, false]), ("a != 1", [false, true, false]), ("not a = 1", [false, true, true]),
      ("a in (1)", [true, false, false]), ("a not in (1)", [false, true, false]), ("not a in (1)", [false, true, true]),
      ("a < 2", [true, false, false]), ("a >= 2", [false, true, false]), ("exists(a)", [true, true, false]),
      ("missing(a)", [false, false, true]), ("a != 1.5", [true, true, false]), ("a not in (1.5)", [true, true, false]),
    ]
    for (text, right) in table {
      let bitmap = try CompiledFilter(try Filter(parsing: text), for: definitions).rows(of: columns).bitmap
      #expect((0..<3).map { bitmap[$0] } == right, "\(text)")
    }
  }

  @Test("no rows, and an attribute that has no column")
  func empty() throws {
    let definitions = [AttributeDefinition(name: "a", type: .int), AttributeDefinition(name: "late", type: .keyword)]
    let filter = try CompiledFilter(try Filter(parsing: "not late = 'x'"), for: definitions)
    #expect(filter.rows(of: try columns(definitions, [])).count == 0)
    // Columns written before `late` was added.
    let old = try columns([definitions[0]], [AttributeRecord([(0, .int(1))]), AttributeRecord()])
    #expect(filter.rows(of: old).count == 2)
    #expect(try CompiledFilter(try Filter(parsing: "late != 'x'"), for: definitions).rows(of: old).count == 0)
  }

  @Test("a filter that does not fit the attributes names the attribute, its type, and what would be right")
  func unfit() throws {
    let definitions = [
      AttributeDefinition(name: "price", type: .float), AttributeDefinition(name: "live", type: .bool),
      AttributeDefinition(name: "brand", type: .keyword), AttributeDefinition(name: "tags", type: .keywords),
    ]
    let ordered = "use =, !=, <, <=, >, >=, in, not in, exists or missing"
    let sets = "use has, has any, has all, exists or missing"
    let wrong = [
      ("prize < 1", #"filter: there is no attribute "prize"; there are: price, live, brand, tags"#),
      ("price = 'x'", #"filter: "price" is float, compare it with a number instead of "x""#),
      ("live > true", #"filter: "live" is bool, > does not apply to it; use =, !=, in, not in, exists or missing"#),
      ("live = 1", #"filter: "live" is bool, compare it with true or false instead of 1"#),
      ("brand in ('a', 2)", #"filter: "brand" is keyword, compare it with a string instead of 2"#),
      ("brand has 'a'", #"filter: "brand" is keyword, has does not apply to it; \#(ordered)"#),
      ("tags = 'a'", #"filter: "tags" is keywords, = does not apply to it; \#(sets)"#),
      ("tags not in ('a')", #"filter: "tags" is keywords, not in does not apply to it; \#(sets)"#),
    ]
    for (text, message) in wrong {
      let error = #expect(throws: VecError.self) {
        _ = try CompiledFilter(try Filter(parsing: "exists(price) and not (\(text))"), for: definitions)
      }
      #expect(error == VecError(.invalidArgument, message), "\(text)")
    }
  }
}
