import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Collections with string ids")
struct StringIDTests {
  /// Two texts of one hash, made for this: XXH64 takes no effort to make them.
  static let twins = (
    "97rdktsg-the-rest-of-a-key-of-24g5wt4yln-the-rest-of-a-key-of-24",
    "s6zr23ta-the-rest-of-a-key-of-24NiCdFwfn-the-rest-of-a-key-of-24"
  )
  private static let dimension = 8

  static func texts(_ range: Range<Int>) -> [String] { range.map { "sku-\($0)" + String(repeating: "é", count: $0 % 5) } }

  static func open(_ fixture: EngineFixture, create: Bool = true) throws -> Engine {
    let engine = try fixture.open()
    if create {
      try engine.create(
        "shop", dimension: dimension, metric: .ip, attributes: [AttributeDefinition(name: "n", type: .int)], ids: .string)
    }
    return engine
  }

  static func records(_ texts: [String]) -> [AttributeRecord] {
    texts.enumerated().map { place, text in
      AttributeRecord(
        place % 3 == 0 ? [(0, .int(Int64(place)))] : [], payload: Array(text.utf8.prefix(place % 4)), stringID: Keyword(text))
    }
  }

  static func ids(_ texts: [String]) -> [UInt64] { texts.map { StringID.id(of: $0) } }

  private static func ingest(_ engine: Engine, _ label: String, _ texts: [String], _ rows: [Float]) throws {
    let ingest = try engine.beginIngest("shop", generation: label)
    try ingest.append(ids: ids(texts), vectors: rows, records: records(texts))
    _ = try ingest.commit()
  }

  static func upsert(_ engine: Engine, _ texts: [String], _ rows: [Float]) throws -> WriteReceipt {
    try engine.write([
      .upsert(UpsertRequest(
        collection: "shop", dimension: dimension, ids: ids(texts), vectors: rows, records: records(texts)))
    ])[0].get()
  }

  static func delete(_ engine: Engine, _ texts: [String]) throws -> WriteReceipt {
    try engine.write([.delete(DeleteRequest(collection: "shop", ids: ids(texts)))])[0].get()
  }

  /// That every text is found under its id with its record, by get and by an exact search over everything.
  static func expect(_ engine: Engine, _ texts: [String: AttributeRecord]) throws {
    let names = texts.keys.sorted()
    let got = try engine.get("shop", generation: nil, ids: ids(names), fields: .all)
    #expect(got.found.allSatisfy { $0 } && got.records == names.map { texts[$0] ?? AttributeRecord() })
    let reply = try engine.search(
      SearchRequest(
        collection: "shop", k: 4_096, effort: .exact, dimension: dimension, vectors: [Float](repeating: 0.5, count: dimension),
        fields: .stringID)
    ) { false }
    #expect(reply.records.compactMap { $0.stringID?.text }.sorted() == names)
    #expect(zip(reply.ids, reply.records).allSatisfy { id, record in record.stringID.map { StringID.id(of: $0.text) } == id })
    #expect(reply.records.allSatisfy { $0.payload.isEmpty && $0[0] == nil })
  }

  @Test(
    "items keep their texts through builds, upserts, deletes, seals, compactions, snapshots and starts",
    arguments: [IndexType.flat, .ivf, .hnsw])
  func life(index: IndexType) throws {
    let fixture = try EngineFixture()
    var engine = try Self.open(fixture)
    let rows = randomRows(700, Self.dimension, seed: 3)
    func part(_ range: Range<Int>) -> [Float] {
      Array(rows[(range.lowerBound * Self.dimension)..<(range.upperBound * Self.dimension)])
    }
    var expected: [String: AttributeRecord] = [:]
    func note(_ texts: [String]) { for record in Self.records(texts) { expected[record.stringID?.text ?? ""] = record } }
    for range in [0..<300, 300..<500] {
      try Self.ingest(engine, "g", Self.texts(range), part(range))
      note(Self.texts(range))
    }
    try engine.beginBuild("shop", generation: "g", type: index, targetRecall: 0.95).run()
    _ = try engine.publish("shop", label: "g", expected: .any)
    try Self.expect(engine, expected)

    #expect(try Self.upsert(engine, Self.texts(400..<650), part(400..<650)).existing == 100)
    note(Self.texts(400..<650))
    let gone = Self.texts(0..<40) + Self.texts(600..<620)
    #expect(try Self.delete(engine, gone).existing == 60)
    for text in gone { expected[text] = nil }
    try Self.expect(engine, expected)
    #expect(try engine.get("shop", generation: nil, ids: Self.ids(gone)).found.allSatisfy { !$0 })

    engine.close()
    engine = try Self.open(fixture, create: false)
    #expect(try engine.describe("shop").ids == .string)
    try Self.expect(engine, expected)
    _ = try engine.seal("shop", generation: nil)
    try Self.expect(engine, expected)
    #expect(try Self.upsert(engine, Self.texts(0..<5), part(0..<5)).existing == 0)
    note(Self.texts(0..<5))
    _ = try engine.compact("shop", generation: nil) { false }
    try Self.expect(engine, expected)
    #expect(try engine.verify(nil).findings.isEmpty)
    try expectSnapshot(engine, fixture, expected)
    engine.close()
    engine = try Self.open(fixture, create: false)
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty)
    try Self.expect(engine, expected)
  }

  private func expectSnapshot(
    _ engine: Engine, _ fixture: EngineFixture, _ expected: [String: AttributeRecord]
  ) throws {
    defer { removeTree(fixture.directory + "/snapshots") }
    let copy = try EngineFixture.open(try engine.snapshot("s").path)
    defer { copy.close() }
    try Self.expect(copy, expected)
  }

  @Test("two texts of one hash are never in one generation: the second is refused by name, wherever the first is")
  func collisions() throws {
    let (one, other) = Self.twins
    try #require(StringID.id(of: one) == StringID.id(of: other))
    let fixture = try EngineFixture()
    var engine = try Self.open(fixture)
    let row = randomRows(1, Self.dimension, seed: 4)
    func refused(_ body: () throws -> Void) {
      let message = expectError(.duplicateId, body)
      #expect(message.contains(one) && message.contains(other), "\(message)")
    }
    refused { try Self.ingest(engine, "both", [one, "a", other], row + row + row) }
    try Self.ingest(engine, "g", ["a", one], row + row)
    refused { try Self.ingest(engine, "g", ["b", other], row + row) }
    try engine.beginBuild("shop", generation: "g", type: .flat).run()
    _ = try engine.publish("shop", label: "g", expected: .any)
    // In a segment, in a delta, in the same request, in the same group.
    refused { _ = try Self.upsert(engine, [other], row) }
    #expect(try Self.upsert(engine, [one], row).existing == 1)
    refused { _ = try Self.upsert(engine, ["c", other], row + row) }
    #expect(try Self.delete(engine, [one]).existing == 1)
    refused { _ = try Self.upsert(engine, [one, other], row + row) }
    let group = engine.write([one, other].map { text in
      .upsert(UpsertRequest(
        collection: "shop", dimension: Self.dimension, ids: Self.ids([text]), vectors: row, records: Self.records([text])))
    })
    #expect(try group[0].get().existing == 0)
    refused { _ = try group[1].get() }
    // What was refused left nothing behind.
    engine.close()
    engine = try Self.open(fixture, create: false)
    defer { engine.close() }
    try Self.expect(engine, ["a": Self.records(["a"])[0], one: Self.records([one])[0]])
    // Once the first is gone, the second may come.
    #expect(try Self.delete(engine, [one]).existing == 1)
    #expect(try Self.upsert(engine, [other], row).existing == 0)
    try Self.expect(engine, ["a": Self.records(["a"])[0], other: Self.records([other])[0]])
  }

  @Test("a text that comes twice is named, in one ingest and in two")
  func duplicates() throws {
    let fixture = try EngineFixture()
    let engine = try Self.open(fixture)
    defer { engine.close() }
    let rows = randomRows(3, Self.dimension, seed: 5)
    let message = expectError(.duplicateId) { try Self.ingest(engine, "g", ["x", "y", "x"], rows) }
    #expect(message.contains("\"x\"") && message.contains("row 0") && message.contains("row 2"))
    try Self.ingest(engine, "g", ["x", "y", "z"], rows)
    #expect(expectError(.idExists) { try Self.ingest(engine, "g", ["v", "w", "y"], rows) }.contains("\"y\""))
    #expect(fixtureIsClean(fixture, segments: 1))
  }

  private func fixtureIsClean(_ fixture: EngineFixture, segments: Int) -> Bool {
    (try? fixture.segmentFiles.count) == segments
  }

  @Test("rows without their text, with another's hash, or with a text where ids are numbers are refused, and nothing is kept")
  func badRows() throws {
    let fixture = try EngineFixture()
    let engine = try Self.open(fixture)
    defer { engine.close() }
    try engine.create("numbers", dimension: Self.dimension, metric: .ip)
    let row = randomRows(1, Self.dimension, seed: 6)
    let id = StringID.id(of: "a")
    for (collection, id, records) in [
      ("shop", id, []), ("shop", id, [AttributeRecord(payload: [1])]), ("shop", id + 1, [AttributeRecord(stringID: "a")]),
      ("numbers", id, [AttributeRecord(stringID: "a")]),
    ] {
      expectError(.invalidArgument) {
        let ingest = try engine.beginIngest(collection, generation: "g")
        try ingest.append(ids: [id], vectors: row, records: records)
      }
      expectError(.invalidArgument) {
        _ = try engine.write([
          .upsert(UpsertRequest(collection: collection, dimension: Self.dimension, ids: [id], vectors: row, records: records))
        ])[0].get()
      }
    }
    #expect(try engine.list().allSatisfy { $0.generationCount == 0 })
  }
}
