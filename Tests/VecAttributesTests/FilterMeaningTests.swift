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
