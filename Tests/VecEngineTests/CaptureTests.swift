import Testing
import VecCore
import VecEngine

@Suite("Captured queries") struct CaptureTests {
  private static let dimension = 4

  private func store(_ fixture: EngineFixture, capture: Int) throws -> Engine {
    let engine = try fixture.open()
    try engine.create("c", dimension: Self.dimension, metric: .ip)
    try engine.load("c", "g1", rows: 50, firstID: 1, dimension: Self.dimension, model: "m1")
    try engine.beginBuild("c", generation: "g1", type: .flat).run()
    _ = try engine.publish("c", label: "g1", expected: .any)
    if capture > 0 { try engine.configure("c", SettingsChange(capturedQueries: capture)) }
    return engine
  }

  private func ask(
    _ engine: Engine, _ vectors: [Float], interests: Int = 1, model: String? = nil, generation: String? = nil
  ) throws {
    _ = try engine.search(
      SearchRequest(
        collection: "c", generation: generation, k: 3, interests: interests, dimension: Self.dimension, vectors: vectors,
        model: model)
    ) { false }
  }

  @Test("are none unless somebody asks for them")
  func none() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, capture: 0)
    defer { engine.close() }
    try ask(engine, randomRows(20, Self.dimension, seed: 1))
    #expect(try engine.capturedQueries("c", generation: nil).count == 0)
  }

  @Test("are the vectors of searches in their order, each interest by itself, and are kept over a restart")
  func kept() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture, capture: 100)
    let first = randomRows(6, Self.dimension, seed: 1)
    let second = randomRows(8, Self.dimension, seed: 2)
    try ask(engine, first)
    try ask(engine, second, interests: 4)
    #expect(throws: VecError.self) { try ask(engine, [.nan, 0, 0, 0]) }
    #expect(try engine.capturedQueries("c", generation: nil).vectors == first + second)
    try engine.saveCaptures()
    engine.close()
    engine = try fixture.open()
    #expect(try engine.capturedQueries("c", generation: nil).vectors == first + second)
    try ask(engine, first)
    #expect(try engine.capturedQueries("c", generation: nil).vectors == first + second + first)
    try engine.configure("c", SettingsChange(capturedQueries: 5))
    #expect(try engine.capturedQueries("c", generation: nil).vectors == Array(first.suffix(5 * Self.dimension)))
    try engine.configure("c", SettingsChange(capturedQueries: 0))
    #expect(try engine.capturedQueries("c", generation: nil).count == 0)
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.capturedQueries("c", generation: nil).count == 0, "what is forgotten is gone from the disk too")
  }

  @Test("are rather recent ones when there are too many, and never more than were asked for")
  func recent() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, capture: 64)
    defer { engine.close() }
    for round in 0..<4_000 {
      try ask(engine, [Float(round), 1, 0, 0])
    }
    let kept = try engine.capturedQueries("c", generation: nil)
    #expect(kept.count == 64)
    let rounds = stride(from: 0, to: kept.vectors.count, by: Self.dimension).map { kept.vectors[$0] }
    #expect(rounds == rounds.sorted(), "oldest first")
    // One of eight takes one of 64 places: the mean age is 8 x 64 = 512 searches.
    let age = rounds.reduce(0) { $0 + (4_000 - $1) } / 64
    #expect((250...1_000).contains(age), "\(age)")
  }

  @Test("belong to a model version: the one they state, else the one that answered")
  func models() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, capture: 100)
    defer { engine.close() }
    try engine.configure("c", SettingsChange(modelPolicy: .count))
    try engine.load("c", "g2", rows: 50, firstID: 1, dimension: Self.dimension, model: "m2")
    try engine.beginBuild("c", generation: "g2", type: .flat).run()
    try ask(engine, [1, 0, 0, 0])
    try ask(engine, [2, 0, 0, 0], model: "m2")
    try ask(engine, [3, 0, 0, 0], generation: "g2")
    #expect(try engine.capturedQueries("c", generation: nil).vectors == [1, 0, 0, 0])
    #expect(try engine.capturedQueries("c", generation: "g2").vectors == [2, 0, 0, 0, 3, 0, 0, 0])
  }

  @Test("measure a build that is given no sample, when there are enough of its model")
  func builds() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, capture: 1_000)
    defer { engine.close() }
    try ask(engine, randomRows(63, Self.dimension, seed: 3))
    func isGiven(_ label: String, _ model: String) throws -> Bool {
      try engine.load("c", label, rows: 3_000, firstID: 1, dimension: Self.dimension, model: model)
      return try #require(engine.beginBuild("c", generation: label, type: .ivf).run().indexes.first).isOfSample
    }
    #expect(try !isGiven("few", "m1"))
    try ask(engine, randomRows(1, Self.dimension, seed: 4))
    #expect(try isGiven("enough", "m1"))
    #expect(try !isGiven("other", "m2"))
  }

  @Test("that are damaged are given up and named; nothing else is lost with them")
  func damaged() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture, capture: 100)
    let queries = randomRows(20, Self.dimension, seed: 9)
    try ask(engine, queries)
    try engine.saveCaptures()
    engine.close()
    let sound = try fixture.bytes("manifest.sqlite")
    let vector = queries[..<Self.dimension].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
    let place = try #require(sound.indices.first { sound[$0...].starts(with: vector) })
    for flip in [0, 5, 15] {
      var bytes = sound
      bytes[place + flip] ^= 4
      try fixture.write(bytes, to: "manifest.sqlite")
      engine = try fixture.open()
      #expect(engine.recovery.damagedCaptures == ["c"] && engine.recovery.fences.isEmpty)
      #expect(try engine.capturedQueries("c", generation: nil).count == 0)
      #expect(try engine.describe("c").settings.capturedQueries == 100)
      #expect(try engine.verify(nil).findings.map(\.collection) == ["c"])
      try ask(engine, queries)
      #expect(try engine.capturedQueries("c", generation: nil).vectors == queries, "it goes on capturing")
      try engine.saveCaptures()
      #expect(try engine.verify(nil).findings.isEmpty)
      engine.close()
    }
  }

  @Test("more than their limit of bytes are refused, and change nothing")
  func limit() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("wide", dimension: 4_096, metric: .ip)
    #expect(expectError(.limitExceeded) {
      try engine.configure("wide", SettingsChange(modelPolicy: .route, capturedQueries: 1_025))
    }.contains("at most 1024"))
    #expect(try engine.describe("wide").settings == CollectionSettings())
    try engine.configure("wide", SettingsChange(capturedQueries: 1_024))
    expectError(.collectionNotFound) { try engine.configure("none", SettingsChange(capturedQueries: 1)) }
  }
}
