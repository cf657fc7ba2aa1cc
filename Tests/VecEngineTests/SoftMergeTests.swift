import Glibc
import Testing
import VecAttributes
import VecCore
import VecEngine

@Suite("Scores by all interests together") struct SoftMergeTests {
  private static let dimension = 8
  private static let rowCount = 1_500

  /// Two segments with indexes, and a delta.
  private func store(_ fixture: EngineFixture, _ metric: Metric) throws -> (Engine, [Float]) {
    let engine = try fixture.open(segmentRows: 700)
    try engine.create(
      "c", dimension: Self.dimension, metric: metric, attributes: [.init(name: "brand", type: .int)])
    let rows = randomRows(Self.rowCount, Self.dimension, seed: 1)
    try engine.fillBranded("c", rows, dimension: Self.dimension, loaded: 1_400, index: .ivf)
    return (engine, rows)
  }

  /// The definition, over every row.
  private func truth(
    _ rows: [Float], _ query: [Float], _ metric: Metric, t: Double, weights: [Float]
  ) -> [(id: UInt64, score: Double, interest: UInt8)] {
    let interests = query.count / Self.dimension
    func norm(_ values: ArraySlice<Float>) -> Double { sqrt(values.reduce(0.0) { $0 + Double($1) * Double($1) }) }
    return (0..<Self.rowCount).map { row in
      let item = rows[(row * Self.dimension)..<((row + 1) * Self.dimension)]
      let scores = (0..<interests).map { interest -> Double in
        let own = query[(interest * Self.dimension)..<((interest + 1) * Self.dimension)]
        let product = zip(item, own).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let scale = metric == .cosine ? norm(item) * norm(own) : 1
        return product / scale * Double(weights.isEmpty ? 1 : weights[interest])
      }
      let best = scores.max() ?? 0
      return (UInt64(row), t * log(scores.reduce(0) { $0 + exp($1 / t) }), UInt8(scores.firstIndex(of: best) ?? 0))
    }.sorted { ($0.score, $1.id) > ($1.score, $0.id) }
  }

  @Test("are t log sum exp(s / t), and the results the k best by them", arguments: [Metric.ip, .cosine])
  func definition(metric: Metric) throws {
    let fixture = try EngineFixture()
    let (engine, rows) = try store(fixture, metric)
    defer { engine.close() }
    for (round, t) in [0.05, 0.5, 3.0, 40.0].enumerated() {
      for interests in [1, 2, 5] {
        let query = randomRows(interests, Self.dimension, seed: UInt64(100 + 10 * round + interests))
        let weights: [Float] = metric == .ip && round % 2 == 1 ? (0..<interests).map { 1 + Float($0) } : []
        let right = truth(rows, query, metric, t: t, weights: weights)
        let reply = try engine.search(
          SearchRequest(
            collection: "c", k: 40, effort: .exact, interests: interests, dimension: Self.dimension, vectors: query,
            weights: weights, logSumExp: Float(t))
        ) { false }
        #expect(reply.ids.count == 40 && Set(reply.ids).count == 40)
        for (place, id) in reply.ids.enumerated() {
          let own = try #require(right.first { $0.id == id })
          #expect(abs(Double(reply.scores[place]) - own.score) <= 2e-6 * max(1, abs(own.score)), "t \(t), K \(interests)")
          #expect(reply.interests[place] == own.interest)
          // Ties of float32 may stand in another order than those of double.
          #expect(Double(reply.scores[place]) >= right[39].score - 2e-6 * max(1, abs(right[39].score)))
        }
        #expect(reply.scores == reply.scores.sorted(by: >))
      }
    }
  }

  @Test("go together with score limits, groups, filters and excluded ids, and with many queries")
  func together() throws {
    let fixture = try EngineFixture()
    let (engine, rows) = try store(fixture, .ip)
    defer { engine.close() }
    let queries = randomRows(6, Self.dimension, seed: 77)
    let right = (0..<3).map { number in
      truth(
        rows, Array(queries[(2 * number * Self.dimension)..<(2 * (number + 1) * Self.dimension)]), .ip, t: 2, weights: [])
    }
    func ask(_ change: (inout SearchRequest) throws -> Void) throws -> SearchReply {
      var request = SearchRequest(
        collection: "c", k: 12, effort: .exact, interests: 2, dimension: Self.dimension, vectors: queries, logSumExp: 2)
      try change(&request)
      return try engine.search(request) { false }
    }
    #expect(try ask { _ in }.ids == right.flatMap { $0.prefix(12).map(\.id) })
    let limit = Float(right[0][4].score - 1e-3)
    #expect(
      try ask { $0.scoreLimit = limit }.resultCounts.map(Int.init)
        == right.map { one in one.prefix(12).count { Float($0.score) >= limit } })
    #expect(
      try ask { $0 = try $0.filtered("brand = 3") }.ids
        == right.flatMap { one in one.filter { $0.id % 7 == 3 }.prefix(12).map(\.id) })
    let gone = IDSet(right.flatMap { $0.prefix(5).map(\.id) })
    #expect(
      try ask { $0.excluded = [gone] }.ids
        == right.flatMap { one in one.filter { !gone.ids.contains($0.id) }.prefix(12).map(\.id) })
    #expect(
      try ask { $0.selection = SearchSelection(group: .init(attribute: "brand", most: 1)) }.ids
        == right.flatMap { one -> [UInt64] in
          var seen: Set<UInt64> = []
          return one.filter { seen.insert($0.id % 7).inserted }.map(\.id)
        })
  }

  @Test("are refused under l2, whose scores are distances")
  func distances() throws {
    let fixture = try EngineFixture()
    let (engine, _) = try store(fixture, .l2)
    defer { engine.close() }
    let message = expectError(.invalidArgument) {
      _ = try engine.search(
        SearchRequest(
          collection: "c", k: 1, interests: 2, dimension: Self.dimension, vectors: randomRows(2, Self.dimension, seed: 1),
          logSumExp: 1)
      ) { false }
    }
    #expect(message.contains("l2"))
  }
}

extension SearchRequest {
  fileprivate func filtered(_ text: String) throws -> SearchRequest {
    var request = self
    request.filter = try Filter(parsing: text).encode()
    return request
  }
}
