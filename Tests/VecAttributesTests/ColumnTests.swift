import Foundation
import Testing
import VecAttributes
import VecCore
import VecTestSupport

@Suite("Columns of attributes")
struct ColumnTests {
  /// At the very end of memory that may be read.
  static func decode(
    _ bytes: [UInt8], _ rowCount: Int, _ definitions: [AttributeDefinition]
  ) throws(VecError) -> AttributeColumns {
    let guarded = bytes.withUnsafeBytes { GuardedBuffer(copying: $0) }
    defer { withExtendedLifetime(guarded) {} }
    return try AttributeColumns(
      decoding: UnsafeRawBufferPointer(start: guarded.bytes, count: guarded.count), rowCount: rowCount,
      definitions: definitions)
  }

  @Test("rows come back from columns, and columns from their bytes", arguments: (51...54).map { Seed($0) })
  func roundTrip(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<100 {
      let definitions = cases.definitions()
      let records = cases.records(definitions, count: cases.one(of: [0, 1, 63, 64, 65, 200]))
      let columns = try columns(definitions, records)
      for (row, record) in records.enumerated() {
        var bare = record
        bare.payload = []
        #expect(columns.record(row) == bare, "\(seed)")
      }
      let bytes = columns.encode()
      #expect(try Self.decode(bytes, records.count, definitions) == columns, "\(seed)")
      let later = definitions + [AttributeDefinition(name: "later", type: .float)]
      #expect(try Self.decode(bytes, records.count, later).encode() == bytes)
    }
  }

  @Test("rows gathered from several columns are the columns of those rows", arguments: (55...58).map { Seed($0) })
  func gather(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<60 {
      let definitions = cases.definitions()
      // Older sources know fewer attributes.
      let known = (0..<3).map { _ in 1 + cases.below(definitions.count) }
      let records = known.map { cases.records(Array(definitions[..<$0]), count: 1 + cases.below(130)) }
      let sources = try zip(known, records).map { try columns(Array(definitions[..<$0]), $1) }
      let places = (0..<cases.below(200)).map { _ in
        let source = cases.below(3)
        return AttributeColumns.Place(source: source, row: cases.below(records[source].count))
      }
      let gathered = try AttributeColumns(gathering: places, from: sources)
      let right = try columns(definitions, places.map { records[$0.source][$0.row] })
      #expect(gathered.encode() == right.encode(), "\(seed)")
      let rows = (0..<records[0].count).reversed().filter { $0 % 3 != 0 }
      #expect(try sources[0].gathered(rows).encode() == columns(definitions, rows.map { records[0][$0] }).encode(), "\(seed)")
    }
  }

  @Test("every width of numbers and of codes, at both of its ends")
  func widths() throws {
    let definitions = [AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "k", type: .keyword)]
    let spans: [(UInt64, UInt8)] = [
      (0, 0), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (1 << 32 - 1, 4), (1 << 32, 8), (.max, 8),
    ]
    for (span, width) in spans {
      for base in [Int64.min, Int64.max &- Int64(bitPattern: span)] {
        let greatest = base &+ Int64(bitPattern: span)
        guard base <= greatest else { continue }
        let records = [base, greatest].map { AttributeRecord([(0, .int($0))]) } + [AttributeRecord()]
        let columns = try columns(definitions, records)
        let bytes = columns.encode()
        #expect(bytes[16 + 3] == width, "\(base) to \(greatest)")
        #expect(try Self.decode(bytes, 3, definitions) == columns)
      }
    }
    for (count, width) in [(1, 0), (2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)] as [(Int, UInt8)] {
      let columns = try columns(definitions, (0..<count).map { AttributeRecord([(1, .keyword(Keyword("\($0)")))]) })
      let bytes = columns.encode()
      #expect(bytes[16 + 3] == width, "\(count) keywords")
      #expect(try Self.decode(bytes, count, definitions) == columns, "\(count) keywords")
      let last = try CompiledFilter(try Filter(parsing: "k = '\(count - 1)'"), for: definitions).rows(of: columns)
      #expect(last.count == 1 && last.bitmap[count - 1])
    }
  }

  @Test("every cut is refused, and 20,000 damaged sections are refused or are other sections", arguments: [Seed(59)])
  func damage(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<200 {
      let definitions = cases.definitions()
      let records = cases.records(definitions, count: cases.one(of: [1, 5, 64, 70]))
      let bytes = try columns(definitions, records).encode()
      for length in stride(from: 0, to: bytes.count, by: 1 + bytes.count / 100) {
        #expect((try? Self.decode(Array(bytes[..<length]), records.count, definitions)) == nil)
      }
      let filter = try CompiledFilter(cases.filter(definitions), for: definitions)
      for _ in 0..<100 {
        var damaged = bytes
        for _ in 0...cases.below(3) { damaged[cases.below(damaged.count)] ^= UInt8(1) << UInt8(cases.below(8)) }
        do throws(VecError) {
          let columns = try Self.decode(damaged, records.count, definitions)
          #expect(columns.encode() == damaged, "\(seed)")
          let bitmap = filter.rows(of: columns).bitmap
          #expect(records.indices.allSatisfy { bitmap[$0] == filter.matches(columns.record($0)) }, "\(seed)")
        } catch {
          #expect([.segmentDamaged, .unsupportedFormat].contains(error.code) && !error.message.contains("\n"), "\(error)")
        }
      }
    }
  }

  @Test("the golden section is read as the rows it was written from, and encodes to the same bytes")
  func golden() throws {
    let rows = try Golden.table("attributes/v1/records.tsv").map { try RecordTests.read(Golden.bytes(hex: $0[2])) }
    let file = Golden.folder.appendingPathComponent("attributes/v1/columns.bin")
    let made = try columns(RecordTests.definitions, rows)
    if !FileManager.default.fileExists(atPath: file.path), ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" {
      try Data(made.encode()).write(to: file)
    }
    let bytes = [UInt8](try #require(try? Data(contentsOf: file), "\(file.path) is missing; VECD_WRITE_GOLDEN=1 writes it"))
    let columns = try Self.decode(bytes, rows.count, RecordTests.definitions)
    #expect(columns == made && columns.encode() == bytes)
  }

  /// Header and directory entry of a section with one column.
  static func section(_ type: AttributeType, rows: Int, presence: UInt8 = 0, width: UInt8, _ content: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(bytes: "ATTR".utf8)
    writer.write(UInt16(1))
    writer.write(UInt16(1))
    writer.write(UInt32(rows))
    writer.write(UInt32(0))
    writer.write(bytes: [0, type.rawValue, presence, width, 0, 0, 0, 0])
    writer.write(UInt64(content.count))
    writer.write(bytes: content)
    return writer.bytes
  }

  static let base = [UInt8](repeating: 0, count: 8)
  static let hostile: [(type: AttributeType, rows: Int, presence: UInt8, width: UInt8, content: [UInt8], what: String)] = [
    (.int, 2, 0, 3, base + [0, 1], "the width is 3"),
    (.int, 2, 0, 2, base + [0, 0, 1, 0], "the greatest number is 1, the width 2"),
    (.int, 2, 0, 1, base + [1, 2], "no value is the base"),
    (.int, 2, 0, 1, [255, 255, 255, 255, 255, 255, 255, 127, 0, 1], "more than 64 bits"),
    (.int, 2, 0, 1, base + [0, 1, 0], "left over"),
    (.int, 2, 2, 0, base, "a flag is 2"),
    (.int, 2, 1, 0, [3, 0, 0, 0, 0, 0, 0, 0] + base, "takes no bitmap"),
    (.int, 2, 1, 0, [0, 0, 0, 0, 0, 0, 0, 0] + base, "takes no bitmap"),
    (.int, 2, 1, 0, [5, 0, 0, 0, 0, 0, 0, 0] + base, "past its 2 rows"),
    (.int, 2, 1, 1, [1, 0, 0, 0, 0, 0, 0, 0] + base + [0, 1], "row 1 has no value"),
    (.int, 0, 0, 0, base, "there must be no column"),
    (.int, 0, 1, 0, base, "takes no bitmap"),
    (.float, 1, 0, 0, [], "must be 4 or 8"),
    (.float, 1, 0, 4, [0, 0, 0x80, 0x7F], "must be finite"),
    (.float, 1, 0, 8, [0, 0, 0, 0, 0, 0, 0xF8, 0x7F], "must be finite"),
    (.float, 1, 0, 8, base, "all values are binary32"),
    (.float, 2, 1, 4, [1, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0x80], "row 1 has no value"),
    (.bool, 2, 0, 1, [1, 0, 0, 0, 0, 0, 0, 0], "the width is 1, must be 0"),
    (.bool, 2, 0, 0, [4, 0, 0, 0, 0, 0, 0, 0], "past its 2 rows"),
    (.bool, 2, 1, 0, [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], "row 1 has no value"),
    (.keyword, 1, 0, 0, [0, 0, 0, 0], "there is no keyword"),
    (.keyword, 1, 0, 0, [255, 255, 255, 255], "ends early"),
    (.keyword, 1, 0, 0, [1, 0, 0, 0, 1, 1], "at most 256"),
    (.keyword, 1, 0, 0, [1, 0, 0, 0, 1, 0, 255], "is no UTF-8"),
    (.keyword, 2, 0, 1, [2, 0, 0, 0, 1, 0, 1, 0, 97, 97, 0, 1], "does not stand above"),
    (.keyword, 2, 0, 2, [2, 0, 0, 0, 1, 0, 1, 0, 97, 98, 0, 0, 1, 0], "the width is 2, must be 1"),
    (.keyword, 2, 0, 1, [2, 0, 0, 0, 1, 0, 1, 0, 97, 98, 0, 2], "row 1 has keyword 2"),
    (.keyword, 2, 0, 1, [2, 0, 0, 0, 1, 0, 1, 0, 97, 98, 0, 0], "1 keywords are in no row"),
    (.keywords, 1, 0, 0, [0, 0, 0, 0, 1], "row 0 has keyword 0"),
    (.keywords, 1, 0, 0, [0, 0, 0, 0, 65], "at most 64"),
    (.keywords, 1, 0, 1, [2, 0, 0, 0, 1, 0, 1, 0, 97, 98, 2, 1, 0], "do not ascend"),
    (.keywords, 1, 0, 1, [2, 0, 0, 0, 1, 0, 1, 0, 97, 98, 2, 1, 1], "do not ascend"),
    (.keywords, 2, 1, 0, [1, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 1, 0, 97, 0, 1], "row 1 has no value"),
  ]

  @Test("each rule of a column's content", arguments: hostile.indices)
  func rules(at: Int) {
    let (type, rows, presence, width, content, what) = Self.hostile[at]
    let bytes = Self.section(type, rows: rows, presence: presence, width: width, content)
    let error = #expect(throws: VecError.self) {
      try Self.decode(bytes, rows, [AttributeDefinition(name: "a", type: type)])
    }
    #expect(error?.code == .segmentDamaged && error?.message.contains(what) == true, "\(error?.message ?? "")")
  }

  @Test("each rule of the header and the directory")
  func headerRules() throws {
    let right = Self.section(.int, rows: 2, width: 1, Self.base + [0, 1])
    let definitions = [AttributeDefinition(name: "a", type: .int)]
    #expect(try Self.decode(right, 2, definitions).record(1)[0] == .int(1))
    #expect(throws: VecError.self) { try Self.decode(right, 3, definitions) }
    #expect(throws: VecError.self) { try Self.decode(right, 2, []) }
    #expect(throws: VecError.self) { try Self.decode(right, 2, [AttributeDefinition(name: "a", type: .float)]) }
    for at in 0..<32 {
      for bit in 0..<8 {
        var damaged = right
        damaged[at] ^= 1 << UInt8(bit)
        let error = #expect(throws: VecError.self) { try Self.decode(damaged, 2, definitions) }
        #expect(error?.code == (at == 4 || at == 5 ? .unsupportedFormat : .segmentDamaged), "byte \(at) bit \(bit)")
      }
    }
  }

  @Test("payloads: each row's is found at its place; a damaged head is refused")
  func payloads() throws {
    var cases = RandomCases(seed: 60)
    for _ in 0..<50 {
      let payloads = (0..<(1 + cases.below(200))).map { _ in
        [UInt8](repeating: UInt8(cases.below(256)), count: cases.one(of: [0, 0, 1, 2, 300]))
      }
      let index = PayloadIndex(lengths: payloads.map { UInt32($0.count) })
      let section = index.encodeHead() + payloads.joined()
      #expect(section.count == index.sectionByteCount && index.isEmpty == payloads.allSatisfy(\.isEmpty))
      for (row, payload) in payloads.enumerated() { #expect(Array(section[index.range(of: row)]) == payload) }
      let head = Array(section[..<PayloadIndex.headByteCount(rowCount: payloads.count)])
      func decode(_ head: [UInt8], _ byteCount: Int) throws(VecError) -> PayloadIndex {
        try head.withUnsafeBufferPointer { (buffer) throws(VecError) in
          try PayloadIndex(
            decoding: UnsafeRawBufferPointer(buffer), rowCount: payloads.count, sectionByteCount: byteCount)
        }
      }
      if index.isEmpty { continue }
      #expect(try decode(head, section.count) == index)
      for at in head.indices {
        var damaged = head
        damaged[at] ^= 1 << UInt8(cases.below(8))
        #expect(throws: VecError.self) { try decode(damaged, section.count) }
        #expect(throws: VecError.self) { try decode(Array(head[..<at]), section.count) }
      }
      #expect(throws: VecError.self) { try decode(head, section.count + 1) }
    }
  }
}
