import Testing
import VecCore
import VecEngine
import VecTestSupport

/// Generations that a build cut into several segments, each with indexes of its own.
@Suite("A generation of many segments")
struct ManySegmentsTests {
  typealias Sample = IndexBuildTests.Sample

  private static func built(
    _ fixture: EngineFixture, _ sample: Sample, rows: Int?, type: IndexType?, metric: Metric, target: Float = 0.9
  ) throws -> Engine {
    let engine = try fixture.open(segmentRows: rows)
    try IndexBuildTests.load(engine, sample, metric: metric, parts: 3)
    let outcome = try engine.beginBuild(
      "c", generation: "g", type: type, targetRecall: target,
      sample: QuerySample(dimension: IndexBuildTests.dimension, vectors: sample.queries)
    ).run()
    let expected = rows.map { (sample.ids.count + $0 - 1) / $0 } ?? 1
    #expect(outcome.segmentCount == expected)
    #expect(try fixture.segmentFiles.count == expected, "nothing that was written on the way stays")
    return engine
  }

  @Test(
    "of 1, 4 or 16 segments reaches the same recall at the same target, and exact answers are the same",
    arguments: IndexBuildTests.types, Metric.allCases)
  func sameRecall(type: IndexType?, metric: Metric) throws {
    let sample = Sample(8000, seed: 41)
    var truths: [Int: SearchReply] = [:]
    for segments in [1, 4, 16] {
      let fixture = try EngineFixture()
      let engine = try Self.built(fixture, sample, rows: 8000 / segments, type: type, metric: metric)
      defer { engine.close() }
      for k in [10, 35, 100, 220] {  // calibration measures every second of them
        var truth = try IndexBuildTests.ask(engine, sample, k: k, .exact)
        (truth.generationNumber, truth.sequence) = (0, 0)
        #expect(truths[k] == nil || truths[k] == truth, "\(segments) segments")
        truths[k] = truth
        for index in [type ?? .ivf, type ?? .hnsw] {
          let reply = try IndexBuildTests.ask(engine, sample, k: k, .recall(0.9), index)
          #expect(reply.index == index && reply.parameter >= 1 && reply.expectedRecall >= 0.9)
          #expect(IndexBuildTests.recall(reply, truth, k: k) >= 0.9, "\(segments) segments, \(index.name), k \(k)")
        }
        let standard = try IndexBuildTests.ask(engine, sample, k: k, .standard)
        #expect(IndexBuildTests.recall(standard, truth, k: k) >= 0.9)
      }
    }
  }

  @Test("looked into wholly gives the exact answer, also for several interests", arguments: Metric.allCases)
  func allLists(metric: Metric) throws {
    let sample = Sample(1500, seed: 42)
    let fixture = try EngineFixture()
    let engine = try Self.built(fixture, sample, rows: 200, type: .ivf, metric: metric)
    defer { engine.close() }
    for interests in [1, 3] {
      var all = try IndexBuildTests.ask(engine, sample, k: 40, .nprobe(100_000), interests: interests)
      let truth = try IndexBuildTests.ask(engine, sample, k: 40, .exact, interests: interests)
      (all.index, all.parameter, all.expectedRecall) = (truth.index, truth.parameter, truth.expectedRecall)
      #expect(all == truth)
    }
  }

  @Test("answers after a restart as before, and finds every id", arguments: IndexBuildTests.types)
  func restart(type: IndexType?) throws {
    let sample = Sample(2000, seed: 43)
    let fixture = try EngineFixture()
    var engine = try Self.built(fixture, sample, rows: 300, type: type, metric: .cosine)
    _ = try engine.publish("c", label: "g", expected: .any)
    let before = try IndexBuildTests.ask(engine, sample, k: 30, .recall(0.8), type)
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try IndexBuildTests.ask(engine, sample, k: 30, .recall(0.8), type) == before)
    #expect(try engine.get("c", generation: nil, ids: sample.ids).found.allSatisfy { $0 })
  }

  @Test("a build whose memory would pass half of the budget cuts its rows until it does not")
  func memoryBudget() throws {
    let sample = Sample(24_000, seed: 44)
    let fixture = try EngineFixture()
    // hnsw at dimension 16 takes some 500 bytes a row: 12,000 rows in half of 12 MB.
    let engine = try fixture.open(memoryBudget: 12_000_000)
    defer { engine.close() }
    try IndexBuildTests.load(engine, sample)
    let outcome = try engine.beginBuild("c", generation: "g", type: .ivf).run()
    #expect(outcome.segmentCount == 1, "lists take less")
    try engine.drop("c", generation: "g")
    try engine.load("c", "g", ids: sample.ids, vectors: sample.rows)
    #expect(try engine.beginBuild("c", generation: "g", type: .hnsw).run().segmentCount > 1)
    #expect(engine.statistics.heldBytes <= 12_000_000)
  }

  @Test("a build has its share of the budget even where codes of what is live hold most of the rest")
  func buildsBesideLiveCodes() throws {
    let sample = Sample(3000, seed: 47)
    let fixture = try EngineFixture()
    let engine = try fixture.open(memoryBudget: 800_000)
    defer { engine.close() }
    try IndexBuildTests.load(engine, sample)
    try engine.beginBuild("c", generation: "g", type: .ivf).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    _ = try IndexBuildTests.ask(engine, sample, k: 5, .exact)
    #expect(engine.statistics.codeBytes > 200_000)
    try engine.load("c", "next", ids: sample.ids, vectors: sample.rows)
    #expect(try engine.beginBuild("c", generation: "next", type: .ivf).run().segmentCount == 1)
  }

  @Test("a budget with no room for a build is an error that says how much is needed, and changes nothing")
  func tooSmallBudget() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open(memoryBudget: 1_000_000)
    defer { engine.close() }
    try IndexBuildTests.load(engine, Sample(20_000, seed: 45))
    let message = expectError(.limitExceeded) { try engine.beginBuild("c", generation: "g", type: .hnsw).run() }
    #expect(message.contains("--memory-budget"))
    #expect(try engine.generations("c").map(\.state) == [.building])
  }

  @Test("codes that the budget has no room for are not made, and answers stay right", arguments: [IndexType.flat, .ivf, .hnsw])
  func noRoomForCodes(type: IndexType) throws {
    let sample = Sample(3000, seed: 46)
    let fixture = try EngineFixture()
    var engine = try Self.built(fixture, sample, rows: nil, type: type, metric: .ip)
    _ = try engine.publish("c", label: "g", expected: .any)
    let truth = try IndexBuildTests.ask(engine, sample, k: 20, .exact)
    engine.close()
    engine = try fixture.open(memoryBudget: 50_000)
    defer { engine.close() }
    #expect(engine.statistics.codeBytes == 0)
    let reply = try IndexBuildTests.ask(engine, sample, k: 20, .recall(0.9))
    #expect(reply.ids == truth.ids && reply.scores == truth.scores)
  }
}
