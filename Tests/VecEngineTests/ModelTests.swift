import Testing
import VecCore
import VecEngine

@Suite("Model versions") struct ModelTests {
  private static let dimension = 6

  /// A collection `c` with g1 of m1 retired, g2 of m2 live, g3 of none built, and g4 of m4 built but never live.
  private func store(_ fixture: EngineFixture) throws -> Engine {
    let engine = try fixture.open()
    try engine.create("c", dimension: Self.dimension, metric: .ip)
    for (number, model) in [(1, "m1"), (2, "m2"), (3, nil), (4, "m4")] as [(UInt64, String?)] {
      try engine.load("c", "g\(number)", rows: 50, firstID: 1_000 * number, model: model)
      try engine.beginBuild("c", generation: "g\(number)", type: .flat).run()
      if number < 3 { _ = try engine.publish("c", label: "g\(number)", expected: .any) }
    }
    return engine
  }

  private func ask(_ engine: Engine, model: String?, generation: String? = nil) throws -> SearchReply {
    try engine.search(
      SearchRequest(
        collection: "c", generation: generation, k: 5, dimension: Self.dimension,
        vectors: randomRows(1, Self.dimension, seed: 9), model: model)
    ) { false }
  }

  @Test("of items are told by generations, and kept over restarts, seals and compactions")
  func kept() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture)
    _ = try engine.write([
      .upsert(
        UpsertRequest(
          collection: "c", dimension: Self.dimension, ids: [1], vectors: randomRows(1, Self.dimension, seed: 2), model: "m2"))
    ]).first?.get()
    for round in 0..<3 {
      #expect(try engine.generations("c").map(\.model) == ["m1", "m2", nil, "m4"], "round \(round)")
      if round == 0 { _ = try engine.compact("c", generation: nil) { false } }
      engine.close()
      engine = try fixture.open()
      #expect(engine.recovery.fences.isEmpty)
    }
    engine.close()
  }

  @Test("that do not match are refused unless the collection says otherwise; who states none is answered")
  func refused() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    #expect(try ask(engine, model: "m2").generation == "g2")
    #expect(try ask(engine, model: nil).generation == "g2")
    #expect(try ask(engine, model: "m1", generation: "g1").generation == "g1")
    let message = expectError(.modelMismatch) { _ = try ask(engine, model: "m1") }
    #expect(message.contains("\"m1\"") && message.contains("\"m2\"") && message.contains("g2"))
    #expect(expectError(.modelMismatch) { _ = try ask(engine, model: "m1", generation: "g3") }.contains("no model version"))
    let counts = try #require(engine.modelCounts["c"])
    #expect(counts.matched == 2 && counts.unstated == 1 && counts.refused == 2 && counts.routed + counts.counted == 0)
  }

  @Test("are routed to the generation that carries them and was live last, never to one that was not live")
  func routed() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    try engine.configure("c", SettingsChange(modelPolicy: .route))
    #expect(try ask(engine, model: "m1").generation == "g1")
    #expect(try ask(engine, model: "m2").generation == "g2")
    expectError(.modelMismatch) { _ = try ask(engine, model: "m4") }
    expectError(.modelMismatch) { _ = try ask(engine, model: "m1", generation: "g2") }
    // A newer generation of the same model takes over, and stays behind when it is replaced.
    try engine.load("c", "g5", rows: 50, firstID: 5_000, model: "m1")
    try engine.beginBuild("c", generation: "g5", type: .flat).run()
    #expect(try ask(engine, model: "m1").generation == "g1")
    _ = try engine.publish("c", label: "g5", expected: .any)
    #expect(try ask(engine, model: "m1").generation == "g5")
    #expect(try ask(engine, model: "m2").generation == "g2")
    _ = try engine.rollback("c")
    #expect(try ask(engine, model: "m1").generation == "g5")
    try engine.drop("c", generation: "g5")
    #expect(try ask(engine, model: "m1").generation == "g1")
    #expect(engine.modelCounts["c"]?.routed == 5)
  }

  @Test("are counted where the collection says so")
  func counted() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture)
    try engine.configure("c", SettingsChange(modelPolicy: .count))
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.describe("c").settings.modelPolicy == .count)
    #expect(try ask(engine, model: "m7").generation == "g2")
    #expect(try ask(engine, model: "m7", generation: "g3").generation == "g3")
    #expect(engine.modelCounts["c"]?.counted == 2)
  }

  @Test("of vectors that are put in must be those that the generation carries")
  func writes() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    expectError(.modelMismatch) { _ = try engine.beginIngest("c", generation: "g4", model: "m5") }
    expectError(.modelMismatch) { _ = try engine.beginIngest("c", generation: "g3", model: "m5") }
    expectError(.invalidArgument) { _ = try engine.beginIngest("c", generation: "g6", model: "no spaces") }
    // Nothing is held by what was refused; and who states none adds to what is there.
    try engine.load("c", "g4", rows: 5, firstID: 90_000, model: nil)
    #expect(try engine.generations("c").last?.model == "m4")
    func upsert(_ model: String?, _ collection: String = "c") throws -> WriteReceipt {
      try #require(
        engine.write([
          .upsert(
            UpsertRequest(
              collection: collection, dimension: Self.dimension, ids: [1],
              vectors: randomRows(1, Self.dimension, seed: 2), model: model))
        ]).first
      ).get()
    }
    expectError(.modelMismatch) { _ = try upsert("m1") }
    #expect(try upsert("m2").existing == 0)
    #expect(try upsert(nil).existing == 1)
    try engine.create("d", dimension: Self.dimension, metric: .ip)
    #expect(try upsert("first", "d").generation == "g1")
    #expect(try engine.generations("d").map(\.model) == ["first"])
    expectError(.modelMismatch) { _ = try upsert("second", "d") }
  }

  @Test("a store of an older schema takes them when they come, and stays readable by older vecd until then")
  func upgrade() throws {
    let (fixture, _) = try GoldenStoreTests.copy("v3")
    var engine = try fixture.open()
    #expect(try fixture.schemaVersion() == 3)
    try engine.load("shop", "next", rows: 5, firstID: 900_000, dimension: 8, model: nil)
    #expect(try fixture.schemaVersion() == 3)
    try engine.load("shop", "after", rows: 5, firstID: 900_000, dimension: 8, model: "m1")
    #expect(try fixture.schemaVersion() == 4)
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.generations("shop").map(\.model).suffix(2) == [nil, "m1"])
    #expect(try engine.describe("shop").attributes.count == 6)
  }
}

extension EngineFixture {
  /// `user_version` of the manifest.
  func schemaVersion() throws -> UInt8 { try bytes("manifest.sqlite")[63] }
}

extension Engine {
  func load(
    _ name: String, _ label: String, rows: Int, firstID: UInt64, dimension: Int = 6, seed: UInt64 = 5, model: String?
  ) throws {
    let ingest = try beginIngest(name, generation: label, model: model)
    try ingest.append(
      ids: (0..<UInt64(rows)).map { firstID + $0 }, vectors: randomRows(rows, dimension, seed: seed))
    _ = try ingest.commit()
  }
}
