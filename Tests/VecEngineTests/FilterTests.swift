import Testing
import VecAttributes
import VecCore
import VecEngine
import VecTestSupport

/// Items with attributes and payloads in every place where rows can be.
private struct Shop {
  static let dimension = 8
  static let attributes = [
    AttributeDefinition(name: "stock", type: .int), AttributeDefinition(name: "price", type: .float),
    AttributeDefinition(name: "fresh", type: .bool), AttributeDefinition(name: "brand", type: .keyword),
    AttributeDefinition(name: "tags", type: .keywords),
  ]
  let engine: Engine
  var model: WriteModel
  var records: [UInt64: AttributeRecord] = [:]

  /// Rows in three segments with an index, in a sealed delta and in an open one; some dead, some written twice, with other
  /// attributes the second time, and some without any.
  init(_ fixture: EngineFixture, _ metric: Metric) throws {
    engine = try fixture.open(segmentRows: 1_000)
    model = WriteModel(dimension: Self.dimension, metric: metric)
    try engine.create("c", dimension: Self.dimension, metric: metric, attributes: Self.attributes)
    let ids = (0..<2_500).map { UInt64($0) &* 7_919 % 2_503 &* 1_000_003 }
    let rows = randomRows(ids.count, Self.dimension, seed: 1)
    let first = Self.records(ids.count, seed: 1)
    let ingest = try engine.beginIngest("c", generation: "g")
    // In two calls, the first without records.
    try ingest.append(ids: Array(ids[..<100]), vectors: Array(rows[..<800]))
    try ingest.append(ids: Array(ids[100...]), vectors: Array(rows[800...]), records: Array(first[100...]))
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    _ = model.upsert("g", ids, rows)
    for (row, id) in ids.enumerated() where row >= 100 { records[id] = first[row] }
    try write(seed: 2, over: ids)
    _ = try engine.seal("c", generation: nil)
    try write(seed: 3, over: ids)
    model.live = "g"
  }

  private mutating func write(seed: Int, over ids: [UInt64]) throws {
    let written = Array(ids[(seed * 100)..<(seed * 100 + 50)]) + (0..<150).map { UInt64(seed * 1_000 + $0) }
    let vectors = randomRows(written.count, Self.dimension, seed: UInt64(seed))
    let new = Self.records(written.count, seed: UInt64(seed))
    try upsert(written, vectors, new)
    // Without records: these have nothing any more.
    try upsert(Array(written[..<20]), Array(vectors[..<160]), [])
    let dead = Array(ids[(seed * 200)..<(seed * 200 + 30)]) + [UInt64(seed * 1_000 + 7)]
    _ = try engine.delete("c", dead)
    _ = model.delete("g", dead)
    for id in dead { records[id] = nil }
  }

  private mutating func upsert(_ ids: [UInt64], _ vectors: [Float], _ new: [AttributeRecord]) throws {
    _ = try engine.write([
      .upsert(UpsertRequest(collection: "c", dimension: Self.dimension, ids: ids, vectors: vectors, records: new))
    ])[0].get()
    _ = model.upsert("g", ids, vectors)
    for (row, id) in ids.enumerated() { records[id] = new.isEmpty ? nil : new[row] }
  }

  static func records(_ count: Int, seed: UInt64) -> [AttributeRecord] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { number in
      var record = AttributeRecord()
      if number % 5 > 0 { record[0] = .int(Int64.random(in: 0..<1_000, using: &random)) }
      if number % 7 > 0 { record[1] = .float(Double.random(in: 0..<100, using: &random)) }
      if number % 3 > 0 { record[2] = .bool(Bool.random(using: &random)) }
      if number % 4 > 0 { record[3] = .keyword(Keyword("brand\(Int.random(in: 0..<20, using: &random))")) }
      if number % 6 > 0 {
        let count = Int.random(in: 0..<4, using: &random)
        record[4] = .set((0..<count).map { _ in Keyword("t\(Int.random(in: 0..<9, using: &random))") })
      }
      if number % 2 > 0 { record.payload = Array("{\"n\":\(number),\"seed\":\(seed)}".utf8) }
      return record
    }
  }

  /// Filters, and what they say in Swift.
  static let filters: [(text: String, holds: @Sendable (AttributeRecord) -> Bool)] = [
    ("stock < 500", { if case .int(let value)? = $0[0] { value < 500 } else { false } }),
    ("not stock < 990", { if case .int(let value)? = $0[0] { value >= 990 } else { true } }),
    ("price >= 99", { if case .float(let value)? = $0[1] { value >= 99 } else { false } }),
    ("fresh = true and missing(price)", { $0[2] == .bool(true) && $0[1] == nil }),
    ("brand in (\"brand3\", \"brand4\")", { $0[3] == .keyword("brand3") || $0[3] == .keyword("brand4") }),
    ("tags has \"t5\"", { if case .keywords(let tags)? = $0[4] { tags.contains("t5") } else { false } }),
    ("exists(tags) or stock = 7", { $0[4] != nil || $0[0] == .int(7) }),
    ("stock < 0", { _ in false }),
    ("not stock < 0", { _ in true }),
  ]

  /// The model with only the items that pass.
  func filtered(_ holds: (AttributeRecord) -> Bool) -> WriteModel {
    var narrowed = model
    for id in model.generations["g"]?.keys ?? [:].keys where !holds(records[id] ?? AttributeRecord()) {
      narrowed.generations["g"]?[id] = nil
    }
    return narrowed
  }

  func ask(
    _ engine: Engine, _ query: [Float], k: Int, _ effort: SearchEffort = .exact, _ index: IndexType? = nil,
    filter: String = "", without excluded: [IDSet] = [], fields: ItemFields = []
  ) throws -> SearchReply {
    try engine.search(
      SearchRequest(
        collection: "c", k: k, effort: effort, index: index, dimension: Self.dimension, vectors: query, excluded: excluded,
        filter: filter.isEmpty ? [] : try Filter(parsing: filter).encode(), fields: fields)
    ) { false }
  }
}

private func hits(_ reply: SearchReply) -> [OracleHit] {
  zip(zip(reply.ids, reply.scores), reply.interests).map { OracleHit(id: $0.0, score: $0.1, interest: $1) }
}

@Suite("A filter") struct FilterTests {
  @Test("leaves exactly the best of the items for which it is true, by every index, alone and with exclusion",
    arguments: Metric.allCases)
  func exact(metric: Metric) throws {
    let fixture = try EngineFixture()
    let shop = try Shop(fixture, metric)
    defer { shop.engine.close() }
    var random = SplitMix64(seed: 5)
    for round in 0..<4 {
      for (text, holds) in Shop.filters {
        let query = randomRows(1, Shop.dimension, seed: 100 + random.next() % 1_000)
        let k = Int.random(in: 1...80, using: &random)
        var narrowed = shop.filtered(holds)
        var excluded: [IDSet] = []
        if round % 2 == 1 {
          excluded = [IDSet(narrowed.search("g", query, k: 30).map(\.id))]
          for id in excluded[0].ids { narrowed.generations["g"]?[id] = nil }
        }
        let right = narrowed.search("g", query, k: k)
        #expect(hits(try shop.ask(shop.engine, query, k: k, filter: text, without: excluded)) == right, "\(text)")
        for (effort, index) in [(SearchEffort.nprobe(10_000), IndexType.ivf), (.ef(4_000), .hnsw)] {
          let reply = try shop.ask(shop.engine, query, k: k, effort, index, filter: text, without: excluded)
          #expect(hits(reply) == right, "\(text), \(index.name)")
        }
      }
    }
  }

  @Test("holds after seal, compaction, restart, an added attribute and deletes; attributes and payloads come back")
  func lasting() throws {
    let fixture = try EngineFixture()
    var shop = try Shop(fixture, .cosine)
    var engine = shop.engine
    func check(_ when: Comment) throws {
      for (text, holds) in Shop.filters {
        let query = randomRows(1, Shop.dimension, seed: 9)
        let reply = try shop.ask(engine, query, k: 50, filter: text, fields: .all)
        #expect(hits(reply) == shop.filtered(holds).search("g", query, k: 50), "\(when): \(text)")
        #expect(reply.records == reply.ids.map { shop.records[$0] ?? AttributeRecord() }, when)
      }
      let ids = shop.model.generations["g"]?.keys.sorted() ?? []
      for fields in [ItemFields.attributes, .payload, .all] {
        let got = try engine.get("c", generation: nil, ids: ids + [1 << 60], fields: fields)
        #expect(got.records == ids.map { (shop.records[$0] ?? AttributeRecord()).only(fields) }, when)
      }
    }
    try check("written")
    _ = try engine.seal("c", generation: nil)
    try check("sealed")
    engine.close()
    engine = try fixture.open(segmentRows: 1_000)
    try check("opened again")
    #expect(try engine.addAttribute(AttributeDefinition(name: "late", type: .bool), to: "c") == 5)
    _ = try engine.compact("c", generation: nil) { false }
    try check("compacted")
    let some = Array((shop.model.generations["g"]?.keys.sorted() ?? []).prefix(300))
    _ = try engine.delete("c", some)
    _ = shop.model.delete("g", some)
    for id in some { shop.records[id] = nil }
    try check("after deletes")
    let late = AttributeRecord([(5, .bool(true))])
    let vector = randomRows(1, Shop.dimension, seed: 9)
    _ = try engine.write([
      .upsert(UpsertRequest(collection: "c", dimension: Shop.dimension, ids: [5], vectors: vector, records: [late]))
    ])[0].get()
    _ = shop.model.upsert("g", [5], vector)
    shop.records[5] = late
    try check("written again")
    #expect(try shop.ask(engine, vector, k: 9, filter: "late = true").ids == [5])
    engine.close()
    engine = try fixture.open()
    try check("opened a third time")
    #expect(try engine.describe("c").attributes.map(\.name) == ["stock", "price", "fresh", "brand", "tags", "late"])
    #expect(try engine.verify(nil).findings.isEmpty)
    engine.close()
  }

  @Test("from one item in a thousand to nine in ten leaves k results and the recall that was asked for",
    arguments: [IndexType?.none, .ivf, .hnsw])
  func recall(index: IndexType?) throws {
    let fixture = try EngineFixture()
    let (engine, rows, dimension) = (try fixture.open(), 20_000, 16)
    defer { engine.close() }
    try engine.create(
      "c", dimension: dimension, metric: .ip, attributes: [AttributeDefinition(name: "u", type: .int)])
    var random = SplitMix64(seed: 3)
    let ingest = try engine.beginIngest("c", generation: "g")
    let records = (0..<rows).map { _ in AttributeRecord([(0, .int(Int64.random(in: 0..<1_000, using: &random)))]) }
    try ingest.append(
      ids: (0..<UInt64(rows)).map { $0 }, vectors: randomRows(rows, dimension, seed: 1), records: records)
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    for permille in [1, 10, 100, 500, 900] {
      let filter = try Filter(parsing: "u < \(permille)").encode()
      let passing = records.filter { if case .int(let value)? = $0[0] { value < permille } else { false } }.count
      for k in [10, 100] {
        func ask(_ effort: SearchEffort, _ index: IndexType?, _ query: [Float]) throws -> SearchReply {
          try engine.search(
            SearchRequest(
              collection: "c", k: k, effort: effort, index: index, dimension: dimension, vectors: query, filter: filter)
          ) { false }
        }
        var (found, wanted) = (0, 0)
        for round in 0..<40 {
          let query = randomRows(1, dimension, seed: 1_000 + UInt64(round))
          let truth = try ask(.exact, nil, query)
          let reply = try ask(.recall(0.95), index, query)
          #expect(reply.ids.count == min(k, passing), "u < \(permille), k = \(k)")
          found += Set(reply.ids).intersection(truth.ids).count
          wanted += truth.ids.count
        }
        let recall = Double(found) / Double(wanted)
        #expect(recall >= 0.94, "u < \(permille), k = \(k), \(index?.name ?? "auto"): \(recall)")
      }
    }
  }

  @Test("does not matter to fields that a reply cannot hold: they are refused before they are gathered")
  func fieldsBeyondAReply() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 2, metric: .ip)
    let payload = [UInt8](repeating: 7, count: Limits.payloadBytesMax)
    let count = Limits.frameBodyBytesMax / Limits.payloadBytesMax + 8
    let ids = Array(0..<UInt64(count))
    let ingest = try engine.beginIngest("c", generation: "g")
    try ingest.append(
      ids: ids, vectors: randomRows(count, 2, seed: 1), records: ids.map { _ in AttributeRecord(payload: payload) })
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: .flat).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    func ask(_ k: Int, _ fields: ItemFields) throws -> SearchReply {
      try engine.search(
        SearchRequest(collection: "c", k: k, effort: .exact, dimension: 2, vectors: [1, 0], fields: fields)
      ) { false }
    }
    #expect(try ask(100, .payload).records.allSatisfy { $0.payload == payload })
    #expect(try ask(count, .attributes).records.count == count)
    #expect(expectError(.limitExceeded) { _ = try ask(count, .payload) }.contains("ask for fewer results"))
    expectError(.limitExceeded) { _ = try engine.get("c", generation: nil, ids: ids, fields: .all) }
  }

  @Test("is exact over a delta that is longer than a block, some of its rows dead")
  func longDelta() throws {
    let fixture = try EngineFixture()
    var shop = try Shop(fixture, .l2)
    defer { shop.engine.close() }
    let ids = Array(50_000..<54_300 as Range<UInt64>)
    let rows = randomRows(ids.count, Shop.dimension, seed: 41)
    let records = Shop.records(ids.count, seed: 42)
    _ = try shop.engine.write([
      .upsert(
        UpsertRequest(collection: "c", dimension: Shop.dimension, ids: ids, vectors: rows, records: records))
    ])[0].get()
    _ = shop.model.upsert("g", ids, rows)
    for (row, id) in ids.enumerated() { shop.records[id] = records[row] }
    let dead = ids.filter { $0 % 11 == 3 }
    _ = try shop.engine.delete("c", dead)
    _ = shop.model.delete("g", dead)
    for (text, holds) in Shop.filters {
      let query = randomRows(1, Shop.dimension, seed: 43)
      let right = shop.filtered(holds).search("g", query, k: 70)
      #expect(hits(try shop.ask(shop.engine, query, k: 70, filter: text)) == right, "\(text)")
    }
  }

  @Test("that the attributes do not allow, or records that do not suit them, are refused and change nothing")
  func refused() throws {
    let fixture = try EngineFixture()
    let shop = try Shop(fixture, .ip)
    defer { shop.engine.close() }
    let query = randomRows(1, Shop.dimension, seed: 9)
    for text in ["color = \"red\"", "stock = \"red\"", "price has \"x\"", "tags < \"x\""] {
      expectError(.invalidArgument) { _ = try shop.ask(shop.engine, query, k: 3, filter: text) }
    }
    func write(_ record: AttributeRecord) throws {
      _ = try shop.engine.write([
        .upsert(
          UpsertRequest(
            collection: "c", dimension: Shop.dimension, ids: [1, 2], vectors: query + query, records: [.init(), record]))
      ])[0].get()
    }
    let sequence = try shop.engine.sequence(of: "c")
    #expect(expectError(.invalidArgument) { try write(AttributeRecord([(0, .float(1))])) }.contains("row 1: attribute \"stock\""))
    expectError(.invalidArgument) { try write(AttributeRecord([(1, .float(.nan))])) }
    expectError(.invalidArgument) { try write(AttributeRecord([(9, .int(1))])) }
    expectError(.limitExceeded) { try write(AttributeRecord(payload: [UInt8](repeating: 1, count: 65_537))) }
    #expect(try shop.engine.sequence(of: "c") == sequence)
    let ingest = try shop.engine.beginIngest("c", generation: "bad")
    expectError(.invalidArgument) {
      _ = try ingest.append(ids: [1], vectors: query, records: [AttributeRecord([(3, .int(1))])])
    }
    expectError(.ingestNotFound) { _ = try ingest.commit() }
    expectError(.invalidArgument) { _ = try shop.engine.addAttribute(.init(name: "stock", type: .bool), to: "c") }
    expectError(.invalidArgument) { _ = try shop.engine.addAttribute(.init(name: "Stock", type: .bool), to: "c") }
    expectError(.invalidArgument) {
      try shop.engine.create("d", dimension: 2, metric: .ip, attributes: Shop.attributes + [Shop.attributes[0]])
    }
  }
}
