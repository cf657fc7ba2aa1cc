import Glibc
import Testing
import VecAttributes
import VecCore
import VecEngine
import VecStorage
import VecTestSupport

@Suite("Segments with an order of values")
struct ValueOrderSegmentTests {
  private static let rowCount = 5_000
  private static let attributes = [
    AttributeDefinition(name: "stock", type: .int), AttributeDefinition(name: "price", type: .float),
    AttributeDefinition(name: "brand", type: .keyword), AttributeDefinition(name: "tags", type: .keywords),
  ]

  private static func record(_ id: UInt64) -> AttributeRecord {
    var record = AttributeRecord([(0, .int(Int64(id * 7_919 % 5_003))), (1, .float(Double(id * 31 % 997) / 4))])
    if id % 10 != 3 { record[2] = .keyword(Keyword("brand\(id % 400)")) }
    record[3] = .set([Keyword("tag\(id % 150)"), Keyword("all")])
    return record
  }

  private static func fill(_ fixture: EngineFixture, index: IndexType?) throws -> Engine {
    let engine = try fixture.open()
    try engine.create("c", dimension: 4, metric: .ip, attributes: attributes)
    let ids = (0..<UInt64(rowCount)).map { $0 }
    let ingest = try engine.beginIngest("c", generation: "g")
    try ingest.append(ids: ids, vectors: randomRows(rowCount, 4, seed: 1), records: ids.map(record))
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: index, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    return engine
  }

  private static func found(_ engine: Engine, _ filter: String) throws -> Set<UInt64> {
    let request = SearchRequest(
      collection: "c", k: 6_000, effort: .exact, dimension: 4, vectors: [1, 2, -1, 0.5],
      filter: try Filter(parsing: filter).encode())
    return Set(try engine.search(request) { false }.ids)
  }

  /// The order of values of the only segment, as its file has it.
  private static func section(_ fixture: EngineFixture) throws -> (path: String, offset: Int, byteCount: Int) {
    let names = try fixture.segmentFiles
    try #require(names.count == 1)
    let path = fixture.directory + "/segments/" + names[0]
    let section = try #require(try SegmentInspection.dump(path: path).sections.first { $0.kind == .valueOrder })
    return (path, section.offset, section.storedLength)
  }

  private static let filters: [(text: String, holds: @Sendable (UInt64) -> Bool)] = [
    ("stock = 17", { $0 * 7_919 % 5_003 == 17 }),
    ("stock >= 100 and stock < 140", { (100..<140).contains($0 * 7_919 % 5_003) }),
    ("price < 0.5", { $0 * 31 % 997 < 2 }),
    ("price in (3.5, 200) and brand != 'brand2'", {
      [14, 800].contains($0 * 31 % 997) && $0 % 10 != 3 && $0 % 400 != 2
    }),
    ("brand = 'brand7'", { $0 % 400 == 7 }),
    ("brand in ('brand7', 'brand8') or stock = 3", { [7, 8].contains($0 % 400) || $0 * 7_919 % 5_003 == 3 }),
    ("tags has 'tag20'", { $0 % 150 == 20 }),
    ("tags has all ('all', 'tag20') and stock > 2500", { $0 % 150 == 20 && $0 * 7_919 % 5_003 > 2_500 }),
    ("tags has 'all' and missing(brand) and stock < 2000", { $0 % 10 == 3 && $0 * 7_919 % 5_003 < 2_000 }),
    ("brand = 'nowhere'", { _ in false }),
  ]

  @Test("are made by an ingest and kept by a build; filters that few rows pass find what is true for them")
  func filters() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try Self.fill(fixture, index: .ivf)
    // Rows in the order of their ids would be too easy: a build puts them into the order of lists.
    #expect(try Self.section(fixture).byteCount > 4 * 3 * Self.rowCount)
    for (text, holds) in Self.filters {
      let right = Set((0..<UInt64(Self.rowCount)).filter(holds))
      for _ in 0..<3 { #expect(try Self.found(engine, text) == right, "\(text)") }
    }
    // Dead rows and rows of the delta are as without.
    _ = try engine.delete("c", [7, 407, 1_020])
    let new = UInt64(Self.rowCount) + 1_007
    _ = try engine.write([
      .upsert(
        UpsertRequest(
          collection: "c", dimension: 4, ids: [new], vectors: [1, 1, 1, 1], records: [Self.record(new)]))
    ])[0].get()
    for (text, holds) in Self.filters {
      let right = Set(((0..<UInt64(Self.rowCount)).filter { ![7, 407, 1_020].contains($0) } + [new]).filter(holds))
      #expect(try Self.found(engine, text) == right, "\(text)")
    }
  }

  @Test("a flipped bit anywhere in the order fences the segment at the next start")
  func damage() throws {
    for place in [0, 20, 100, 2_000, 20_000, 40_003] {
      let fixture = try EngineFixture(inMemory: true)
      try Self.fill(fixture, index: .flat).close()
      let section = try Self.section(fixture)
      chmod(section.path, 0o600)
      let file = try #require(fopen(section.path, "r+"))
      fseek(file, section.offset + place, SEEK_SET)
      let value = fgetc(file)
      fseek(file, section.offset + place, SEEK_SET)
      fputc(value ^ 4, file)
      fclose(file)
      let engine = try fixture.open()
      let message = expectError(.collectionFenced) { _ = try Self.found(engine, "stock = 17") }
      #expect(message.contains("value order"), "\(place): \(message)")
    }
  }
}
