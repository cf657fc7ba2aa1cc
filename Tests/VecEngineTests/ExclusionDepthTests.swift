import Testing
import VecCore
import VecEngine

/// A user has seen thousands of items, few of them near the query of the moment.
@Suite("Depth of exclusion") struct ExclusionDepthTests {
  private static let dimension = 16
  private static let rowCount = 40_000
  private static let clusterCount = 80

  private static func store(_ fixture: EngineFixture, _ metric: Metric = .ip) throws -> (engine: Engine, vectors: [Float]) {
    let vectors = clusteredRows(rowCount, dimension, clusters: clusterCount, noise: 0.5, seed: 31)
    let engine = try fixture.open(segmentRows: 25_000)
    try engine.create("c", dimension: dimension, metric: metric)
    try engine.load("c", "g", ids: (0..<rowCount).map { UInt64($0) }, vectors: vectors)
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    return (engine, vectors)
  }

  /// Items in order of their scores, best first.
  private static func ranking(_ vectors: [Float], _ query: [Float]) -> [Int] {
    let scores = (0..<rowCount).map { row in
      (0..<dimension).reduce(0 as Float) { $0 + vectors[row * dimension + $1] * query[$1] }
    }
    return (0..<rowCount).sorted { (scores[$0], $1) > (scores[$1], $0) }
  }

  @Test(
    "leaves k results and the recall that was asked for, whether the best are excluded, some of them, or others",
    arguments: [0.0, 0.02, 0.3, 1.0])
  func recall(share: Double) throws {
    let fixture = try EngineFixture()
    let (engine, vectors) = try Self.store(fixture)
    defer { engine.close() }
    var random = SplitMix64(seed: 33)
    let (k, rounds) = (20, 30)
    var found = 0
    for round in 0..<rounds {
      let row = round * 37
      let query = Array(vectors[(row * Self.dimension)..<((row + 1) * Self.dimension)])
      let order = Self.ranking(vectors, query)
      // So many of the excluded ones are the very best, the others are anywhere.
      let best = Int(2_000 * share)
      let excluded = Set(order.prefix(best) + (0..<(2_000 - best)).map { _ in Int.random(in: 0..<Self.rowCount, using: &random) })
      let reply = try engine.search(
        SearchRequest(
          collection: "c", k: k, effort: .recall(0.95), dimension: Self.dimension, vectors: query,
          excluded: [IDSet(excluded.map { UInt64($0) })])
      ) { false }
      #expect(reply.ids.count == k && !reply.ids.contains { excluded.contains(Int($0)) }, "round \(round)")
      let right = order.lazy.filter { !excluded.contains($0) }.prefix(k)
      found += Set(right).intersection(reply.ids.map { Int($0) }).count
    }
    #expect(Double(found) >= 0.95 * Double(k * rounds), "recall \(Double(found) / Double(k * rounds)), share \(share)")
  }

  @Test("an index answers where few of the excluded are near, and is not given up for a scan", arguments: Metric.allCases)
  func plan(metric: Metric) throws {
    let fixture = try EngineFixture()
    let (engine, vectors) = try Self.store(fixture, metric)
    defer { engine.close() }
    let query = Array(vectors[..<Self.dimension])
    let best = try engine.search(
      SearchRequest(collection: "c", k: 5_000, effort: .exact, dimension: Self.dimension, vectors: query)
    ) { false }.ids.map { Int($0) }
    let order = best + Set(0..<Self.rowCount).subtracting(best).sorted()
    func parameter(_ excluded: some Sequence<Int>) throws -> UInt32? {
      let reply = try engine.search(
        SearchRequest(
          collection: "c", k: 20, effort: .recall(0.95), index: .ivf, dimension: Self.dimension, vectors: query,
          excluded: [IDSet(excluded.map { UInt64($0) })])
      ) { false }
      return reply.parameter
    }
    let without = try #require(try parameter([]))
    let far = try #require(try parameter(order.suffix(5_000)))
    let near = try #require(try parameter(order.prefix(5_000)))
    #expect(far < near, "nprobe \(without) without, \(far) of far ones, \(near) of near ones")
    #expect(try parameter(order.suffix(5_000)) == far, "the same search has the same plan")
  }
}
