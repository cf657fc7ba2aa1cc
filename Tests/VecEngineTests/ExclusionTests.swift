import Dispatch
import Synchronization
import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Excluded ids") struct ExclusionTests {
  private static let dimension = 8

  /// Rows in three segments with an index, in a segment without one, in a sealed delta and in an open one; some dead,
  /// some written twice. Ids are not in the order of rows.
  private func store(_ fixture: EngineFixture, _ metric: Metric) throws -> (Engine, WriteModel) {
    let engine = try fixture.open(segmentRows: 1_000)
    var model = WriteModel(dimension: Self.dimension, metric: metric)
    try engine.create("c", dimension: Self.dimension, metric: metric)
    let ids = (0..<2_500).map { UInt64($0) &* 7_919 % 2_503 &* 1_000_003 }
    let rows = randomRows(ids.count, Self.dimension, seed: 1)
    try engine.load("c", "g", ids: ids, vectors: rows)
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    _ = model.upsert("g", ids, rows)
    for (seed, mustSeal) in [(2, true), (3, false)] {
      let written = Array(ids[(seed * 100)..<(seed * 100 + 50)]) + (0..<150).map { UInt64(seed * 1_000 + $0) }
      let vectors = randomRows(written.count, Self.dimension, seed: UInt64(seed))
      _ = try engine.upsert("c", written, vectors, dimension: Self.dimension)
      _ = model.upsert("g", written, vectors)
      let dead = Array(ids[(seed * 200)..<(seed * 200 + 30)]) + [UInt64(seed * 1_000 + 7)]
      _ = try engine.delete("c", dead)
      _ = model.delete("g", dead)
      if mustSeal { _ = try engine.seal("c", generation: nil) }
    }
    model.live = "g"
    return (engine, model)
  }

  private func ask(
    _ engine: Engine, _ query: [Float], k: Int, _ effort: SearchEffort, _ index: IndexType?, without: [IDSet]
  ) throws -> SearchReply {
    try engine.search(
      SearchRequest(
        collection: "c", k: k, effort: effort, index: index, dimension: Self.dimension, vectors: query, excluded: without)
    ) { false }
  }

  private func hits(_ reply: SearchReply) -> [OracleHit] {
    zip(zip(reply.ids, reply.scores), reply.interests).map { OracleHit(id: $0.0, score: $0.1, interest: $1) }
  }

  @Test("are in no result, and the results are the exact best of all others, whatever is excluded", arguments: Metric.allCases)
  func exact(metric: Metric) throws {
    let fixture = try EngineFixture()
    let (engine, model) = try store(fixture, metric)
    defer { engine.close() }
    var random = SplitMix64(seed: 77)
    let all = try #require(model.generations["g"]).keys.sorted()
    for round in 0..<60 {
      let query = randomRows(1, Self.dimension, seed: 100 + UInt64(round))
      let k = Int.random(in: 1...60, using: &random)
      let best = model.search("g", query, k: 200).map(\.id)
      let excluded: IDSet =
        switch round % 6 {
        case 0: []
        case 1: IDSet(best)
        case 2: IDSet(best.filter { _ in Bool.random(using: &random) } + [4, 5, .max, 0])
        case 3: IDSet(all.filter { _ in Int.random(in: 0..<20, using: &random) > 0 })
        case 4: IDSet(all)
        default: IDSet((0..<500).map { _ in random.next() })
        }
      var rest = model
      for id in excluded.ids { rest.generations["g"]?[id] = nil }
      let expected = rest.search("g", query, k: k)
      #expect(hits(try ask(engine, query, k: k, .exact, nil, without: [excluded])) == expected, "round \(round)")
      // Lists looked into wholly, and a walk as long as there are rows, are exact too.
      for (effort, index) in [(SearchEffort.nprobe(10_000), IndexType.ivf), (.ef(4_000), .hnsw)] {
        let reply = try ask(engine, query, k: k, effort, index, without: [excluded])
        #expect(hits(reply) == expected, "round \(round), \(index.name)")
      }
      // What was taken from the masks is back in them.
      #expect(hits(try ask(engine, query, k: k, .exact, nil, without: [])) == model.search("g", query, k: k))
    }
  }

  @Test("of each query are its own in a batch, and one set holds for all")
  func batch() throws {
    let fixture = try EngineFixture()
    let (engine, model) = try store(fixture, .ip)
    defer { engine.close() }
    let queries = (0..<3).map { randomRows(1, Self.dimension, seed: 300 + $0) }
    let own = queries.map { query in IDSet(model.search("g", query, k: 40).map(\.id)) }
    // Far ones are dropped from what is found, near ones taken out before; a batch may need both.
    let far = IDSet(try #require(model.generations["g"]).keys.filter { !own[1].ids.contains($0) }.sorted().prefix(1_000))
    for sets in [own, [own[0], [], own[2]], [own[1]], [own[0], far, [5]], [far]] {
      let reply = try ask(engine, queries.flatMap { $0 }, k: 25, .exact, nil, without: sets)
      #expect(reply.resultCounts == [25, 25, 25])
      for (number, query) in queries.enumerated() {
        var rest = model
        for id in sets[sets.count == 1 ? 0 : number].ids { rest.generations["g"]?[id] = nil }
        #expect(Array(hits(reply)[(number * 25)..<(number * 25 + 25)]) == rest.search("g", query, k: 25))
      }
    }
    let message = expectError(.invalidArgument) {
      _ = try ask(engine, queries.flatMap { $0 }, k: 25, .exact, nil, without: [own[0], own[1]])
    }
    #expect(message.contains("2 sets of excluded ids for 3 queries"))
  }

  @Test("that are the very best still leave the recall that was asked for", arguments: [IndexType.ivf, .hnsw], [60, 1_500])
  func recall(index: IndexType, excludedCount: Int) throws {
    let fixture = try EngineFixture()
    let (engine, model) = try store(fixture, .ip)
    defer { engine.close() }
    var (hits, wanted) = (0, 0)
    for round in 0..<50 {
      let query = randomRows(1, Self.dimension, seed: 500 + UInt64(round))
      let excluded = IDSet(model.search("g", query, k: excludedCount).map(\.id))
      let truth = try ask(engine, query, k: 20, .exact, nil, without: [excluded])
      let found = try ask(engine, query, k: 20, .recall(0.95), index, without: [excluded])
      #expect(Set(found.ids).isDisjoint(with: excluded.ids) && found.ids.count == 20)
      hits += Set(found.ids).intersection(truth.ids).count
      wanted += truth.ids.count
    }
    #expect(Double(hits) / Double(wanted) >= 0.95, "\(index.name): \(hits) of \(wanted)")
  }

  @Test("of searches side by side do not mix, also while rows die")
  func sideBySide() throws {
    let fixture = try EngineFixture()
    let (engine, model) = try store(fixture, .l2)
    defer { engine.close() }
    let queries = (0..<8).map { randomRows(1, Self.dimension, seed: 700 + $0) }
    let sets = queries.map { query in IDSet(model.search("g", query, k: 100).map(\.id)) }
    let wrong = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 9) { worker in
      guard worker < 8 else {
        for id in 2_020..<2_060 { _ = try? engine.delete("c", [UInt64(id)]) }
        return
      }
      for _ in 0..<60 {
        let reply = try? ask(engine, queries[worker], k: 30, .standard, nil, without: [sets[worker]])
        let isRight = reply.map { $0.ids.count == 30 && Set($0.ids).isDisjoint(with: sets[worker].ids) } ?? false
        if !isRight { wrong.add(1, ordering: .relaxed) }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test("A score limit leaves out what is worse, and only that", arguments: Metric.allCases)
  func scoreLimit(metric: Metric) throws {
    let fixture = try EngineFixture()
    let (engine, model) = try store(fixture, metric)
    defer { engine.close() }
    for seed in 0..<10 {
      let query = randomRows(1, Self.dimension, seed: 900 + UInt64(seed))
      let best = model.search("g", query, k: 50)
      var request = SearchRequest(
        collection: "c", k: 50, effort: .exact, dimension: Self.dimension, vectors: query, scoreLimit: best[20].score)
      let reply = try engine.search(request) { false }
      #expect(hits(reply) == best.filter { metric == .l2 ? $0.score <= best[20].score : $0.score >= best[20].score })
      request.scoreLimit = metric == .l2 ? -1 : 1e30
      #expect(try engine.search(request) { false }.resultCounts == [0])
    }
  }
}
