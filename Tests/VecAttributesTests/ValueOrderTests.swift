import Foundation
import Testing
import VecAttributes
import VecCore
import VecTestSupport

@Suite("The order of values")
struct ValueOrderTests {
  /// Decodes at the very end of memory that may be read, and keeps it while the body runs.
  static func read<T>(_ bytes: [UInt8], of columns: AttributeColumns, _ body: (ValueOrder) throws -> T) throws -> T {
    let guarded = bytes.withUnsafeBytes { GuardedBuffer(copying: $0) }
    defer { withExtendedLifetime(guarded) {} }
    return try body(
      try ValueOrder(decoding: UnsafeRawBufferPointer(start: guarded.bytes, count: guarded.count), of: columns))
  }

  static func section(_ columns: AttributeColumns) -> [UInt8]? {
    let writer = ValueOrderWriter(columns, rowsMin: 1)
    return writer.isEmpty ? nil : writer.encode()
  }

  /// Rows of which few have each value, so that filters find few.
  private static func spread(
    _ cases: inout RandomCases, count: Int
  ) -> (definitions: [AttributeDefinition], rows: [AttributeRecord]) {
    let definitions = AttributeType.allCases.map { AttributeDefinition(name: "a\($0.rawValue)", type: $0) }
    let rows = cases.records(definitions, count: count).map { record in
      var record = record
      for (position, definition) in definitions.enumerated() where record[position] != nil {
        let number = cases.below(count)
        switch definition.type {
        case .int: record[position] = .int(cases.chance(20) ? cases.int() : Int64(number) - 40)
        case .float: record[position] = .float(cases.chance(20) ? cases.float() : Double(number) / 8 - 10)
        case .bool: break
        case .keyword: record[position] = .keyword(Keyword("k\(number)"))
        case .keywords: record[position] = .set((0..<cases.below(4)).map { _ in Keyword("k\(cases.below(count))") })
        }
      }
      return record
    }
    return (definitions, rows)
  }

  private static func filter(_ cases: inout RandomCases, _ rows: [AttributeRecord], depth: Int = 3) -> Filter {
    switch depth <= 1 ? 9 : cases.below(10) {
    case 0, 1: return .and((0..<2).map { _ in filter(&cases, rows, depth: depth - 1) })
    case 2, 3: return .or((0..<2).map { _ in filter(&cases, rows, depth: depth - 1) })
    case 4: return .not(filter(&cases, rows, depth: depth - 1))
    default: break
    }
    let number = cases.below(rows.count)
    switch cases.below(7) {
    case 0: return .compare("a0", .equal, .int(Int64(number) - 40))
    case 1:
      return .and([.compare("a0", .greaterOrEqual, .int(Int64(number))), .compare("a0", .less, .int(Int64(number + 9)))])
    case 2: return .isIn("a1", (0..<cases.below(20) + 1).map { .number(Double(number + $0) / 8 - 10) })
    case 3: return .compare("a1", cases.one(of: Filter.Comparison.allCases), .number(cases.float()))
    case 4: return .isIn("a3", (0..<cases.below(40) + 1).map { .string(Keyword("k\(number + $0)")) })
    case 5: return .hasAny("a4", (0..<cases.below(20) + 1).map { Keyword("k\(number + $0)") })
    default: return .hasAll("a4", [Keyword("k\(number)")])
    }
  }

  @Test("finds for any filter the rows that a scan finds", arguments: (61...66).map { Seed($0) })
  func sameAnswers(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    var narrow = 0
    for _ in 0..<12 {
      let (definitions, rows) = Self.spread(&cases, count: cases.one(of: [64, 129, 1_000, 5_000]))
      let columns = try columns(definitions, rows)
      guard let section = Self.section(columns) else { continue }
      try Self.read(section, of: columns) { order in
        for _ in 0..<60 {
          let filter = Self.filter(&cases, rows)
          let compiled = try CompiledFilter(filter, for: definitions)
          let scanned = compiled.rows(of: columns)
          let found = compiled.rows(of: columns, order)
          #expect(found.bitmap == scanned.bitmap && found.count == scanned.count, "\(seed): \(filter)")
          narrow += (1...rows.count / 64).contains(found.count) ? 1 : 0
        }
      }
    }
    #expect(narrow > 60, "\(seed): \(narrow) filters were narrow")
  }

  @Test("random schemas, edges of all types", arguments: [Seed(67), Seed(68)])
  func anySchema(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<30 {
      let definitions = cases.definitions()
      let columns = try columns(definitions, cases.records(definitions, count: cases.one(of: [1, 64, 65, 700])))
      guard let section = Self.section(columns) else { continue }
      try Self.read(section, of: columns) { order in
        for _ in 0..<40 {
          let compiled = try CompiledFilter(cases.filter(definitions), for: definitions)
          #expect(compiled.rows(of: columns, order).bitmap == compiled.rows(of: columns).bitmap, "\(seed)")
        }
      }
    }
  }

  @Test("numbers stand ascending, equal ones by row; keywords have a list each unless many rows have them")
  func content() throws {
    let definitions = [
      AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "x", type: .float),
      AttributeDefinition(name: "k", type: .keyword), AttributeDefinition(name: "live", type: .bool),
    ]
    var rows: [AttributeRecord] = (0..<32).map { row in
      let float: Double = row == 4 ? 0 : row == 3 ? -0.0 : -Double(row)
      let keyword: Keyword = row == 30 ? "rare" : "often"
      return AttributeRecord([(0, .int(Int64(31 - row) / 2)), (1, .float(float)), (2, .keyword(keyword)), (3, .bool(true))])
    }
    rows[7][0] = nil
    let columns = try columns(definitions, rows)
    let numbers = try #require(Self.section(columns)).withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
    #expect(numbers[0] == 0x5244_524F && numbers[1] == 3 << 16 | 1 && Array(numbers[2..<4]) == [32, 0])
    #expect(numbers[4..<16] == [0, 0, 31, 0, 1, 0, 32, 0, 2, 3, 1, 0])
    let ints = numbers[16..<47].map { Int($0) }
    let pairs: [[Int]] = (0..<16).reversed().map { pair in [2 * pair, 2 * pair + 1] }
    #expect(ints == pairs.joined().filter { $0 != 7 })
    let floats = numbers[47..<79].map { Int($0) }
    let descending = [Int]((5..<32).reversed())
    #expect(floats == descending + [2, 1, 0, 3, 4])
    #expect(Array(numbers[79...]) == [0, 0, 1, 30])
  }

  @Test("fewer rows than are worth it have no section, and neither have bools or numbers that are all the same")
  func leftOut() throws {
    let definitions = [AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "live", type: .bool)]
    let alike = try columns(definitions, (0..<5_000).map { AttributeRecord([(0, .int(7)), (1, .bool($0 < 5))]) })
    #expect(ValueOrderWriter(alike).isEmpty)
    for (count, isEmpty) in [(ValueOrder.rowsMin - 1, true), (ValueOrder.rowsMin, false)] {
      let rows = (0..<count).map { AttributeRecord([(0, .int(Int64($0)))]) }
      #expect(ValueOrderWriter(try columns(definitions, rows)).isEmpty == isEmpty)
    }
  }

  @Test("each rule of the section, with what is wrong in the message")
  func rules() throws {
    let definitions = [
      AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "live", type: .bool),
      AttributeDefinition(name: "k", type: .keyword), AttributeDefinition(name: "same", type: .int),
    ]
    let rows = (0..<40).map { row in
      AttributeRecord([
        (0, .int(Int64(row / 2))), (1, .bool(row == 1)), (2, .keyword(Keyword("k\(row % 20)"))), (3, .int(7)),
      ])
    }
    let columns = try columns(definitions, rows)
    func section(_ entries: [[UInt32]], _ content: [UInt32]) -> [UInt8] {
      let numbers = [0x5244_524F, UInt32(entries.count) << 16 | 1, 40, 0] + entries.joined() + content
      return numbers.withUnsafeBytes { Array($0) }
    }
    let all = (0..<40).map { UInt32($0) }
    let starts = (0...20).map { UInt32($0) * 2 }
    // The keywords in the order of their bytes.
    let lists = (0..<20).map { "k\($0)" }.sorted().flatMap { text in all.filter { "k\($0 % 20)" == text } }
    let sound = [section([[0, 0, 40, 0]], all), section([[2, 21, 40, 0]], starts + lists)]
    for bytes in sound { try Self.read(bytes, of: columns) { _ in } }
    let wrong: [(bytes: [UInt8], what: String)] = [
      (section([], []), "it has no column"),
      (section([[1, 0, 40, 0]], all), "must be of one that has different values"),
      (section([[3, 0, 40, 0]], all), "must be of one that has different values"),
      (section([[4, 0, 40, 0]], all), "must be of one that has different values"),
      (section([[0, 0, 40, 0], [0, 0, 40, 0]], all + all), "from 1 on"),
      (section([[0, 1, 40, 0]], [0] + all), "has 1 starts, must have 0"),
      (section([[2, 20, 40, 0]], starts + lists), "has 20 starts, must have 21"),
      (section([[0, 0, 0, 0]], []), "has no row"),
      (section([[0, 0, 40, 1]], all), "reserved bytes"),
      (section([[0, 0, 40, 0]], Array(all.dropLast())), "ends early"),
      (section([[0, 0, 40, 0]], all + [0]), "left over"),
      (section([[0, 0, 39, 0]], Array(all.dropLast())), "40 have a value"),
      (section([[0, 0, 40, 0]], [1, 0] + all.dropFirst(2)), "row 0 does not stand above row 1"),
      (section([[0, 0, 40, 0]], [0, 0] + all.dropFirst(2)), "row 0 does not stand above row 0"),
      (section([[0, 0, 40, 0]], all.dropLast() + [40]), "row 40 of 40"),
      (section([[2, 21, 40, 0]], [0, 3] + starts.dropFirst(2) + lists), "other lengths"),
      (section([[2, 21, 40, 0]], starts + [lists[1], lists[0]] + lists.dropFirst(2)), "is missing where it belongs"),
      (section([[2, 21, 40, 0]], starts + [lists[2]] + lists.dropFirst()), "is missing where it belongs"),
      (sound[0] + [0], "no multiple of 4"),
    ]
    for (bytes, what) in wrong {
      let error = #expect(throws: VecError.self) { try Self.read(bytes, of: columns) { _ in } }
      #expect(error?.code == .segmentDamaged && error?.message.contains(what) == true, "\(what): \(error?.message ?? "")")
    }
  }

  @Test("every cut and every one of 20,000 damages is refused", arguments: [Seed(69)])
  func damage(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<20 {
      let (definitions, rows) = Self.spread(&cases, count: cases.one(of: [40, 70]))
      let columns = try columns(definitions, rows)
      guard let section = Self.section(columns) else { continue }
      func code(_ bytes: [UInt8]) throws -> VecErrorCode? {
        do { try Self.read(bytes, of: columns) { _ in } } catch let error as VecError {
          #expect(!error.message.contains("\n"))
          return error.code
        }
        return nil
      }
      for length in section.indices { #expect(try code(Array(section[..<length])) == .segmentDamaged) }
      for _ in 0..<1_000 {
        var damaged = section
        for _ in 0...cases.below(3) { damaged[cases.below(damaged.count)] ^= UInt8(1) << UInt8(cases.below(8)) }
        guard damaged != section else { continue }
        let found = try code(damaged)
        #expect(found == .segmentDamaged || found == .unsupportedFormat && damaged[4..<6] != section[4..<6], "\(seed)")
      }
    }
  }

  @Test("is what the golden file has, and reads it")
  func golden() throws {
    let records = try Golden.table("attributes/v1/records.tsv").map { try RecordTests.read(Golden.bytes(hex: $0[2])) }
    let columns = try columns(RecordTests.definitions, records)
    let file = Golden.folder.appendingPathComponent("attributes/v1/value-order.bin")
    let made = try #require(Self.section(columns))
    if !FileManager.default.fileExists(atPath: file.path), ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" {
      try Data(made).write(to: file)
    }
    let bytes = [UInt8](try #require(try? Data(contentsOf: file), "\(file.path) is missing; VECD_WRITE_GOLDEN=1 writes it"))
    #expect(made == bytes)
    try Self.read(bytes, of: columns) { _ in }
  }
}
