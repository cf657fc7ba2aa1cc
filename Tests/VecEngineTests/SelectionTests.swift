import Testing
import VecAttributes
import VecCore
import VecEngine
import VecTestSupport

@Suite("A selection") struct SelectionTests {
  private static let dimension = 8

  /// Rows in two segments with indexes and a delta; each with a brand, but one in five.
  private func store(_ fixture: EngineFixture, _ metric: Metric) throws -> (Engine, WriteModel, [UInt64: AttributeValue]) {
    let engine = try fixture.open(segmentRows: 1_000)
    var model = WriteModel(dimension: Self.dimension, metric: metric)
    try engine.create(
      "c", dimension: Self.dimension, metric: metric,
      attributes: [.init(name: "price", type: .float), .init(name: "brand", type: .keyword)])
    var brands: [UInt64: AttributeValue] = [:]
    var random = SplitMix64(seed: 4)
    func records(_ ids: Range<UInt64>) -> [AttributeRecord] {
      ids.map { id in
        guard id % 5 > 0 else { return AttributeRecord() }
        // Some brands are common and some are rare.
        let number = Int.random(in: 0..<12, using: &random) / Int.random(in: 1...4, using: &random)
        let brand = AttributeValue.keyword(Keyword("b\(number)"))
        brands[id] = brand
        return AttributeRecord([(1, brand)])
      }
    }
    let rows = randomRows(2_200, Self.dimension, seed: 1)
    let ingest = try engine.beginIngest("c", generation: "g")
    try ingest.append(ids: Array(0..<2_000), vectors: Array(rows[..<16_000]), records: records(0..<2_000))
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    _ = try engine.write([
      .upsert(
        UpsertRequest(
          collection: "c", dimension: Self.dimension, ids: Array(2_000..<2_200), vectors: Array(rows[16_000...]),
          records: records(2_000..<2_200)))
    ])[0].get()
    _ = model.upsert("g", Array(0..<2_200), rows)
    model.live = "g"
    return (engine, model, brands)
  }

  private func ask(
    _ engine: Engine, _ query: [Float], k: Int, interests: Int = 1, _ selection: SearchSelection = .init(),
    weights: [Float] = [], effort: SearchEffort = .exact
  ) throws -> [OracleHit] {
    let reply = try engine.search(
      SearchRequest(
        collection: "c", k: k, effort: effort, interests: interests, dimension: Self.dimension, vectors: query,
        selection: selection, weights: weights)
    ) { false }
    return zip(zip(reply.ids, reply.scores), reply.interests).map { OracleHit(id: $0.0, score: $0.1, interest: $1) }
  }

  @Test("by groups is the best of the items of which no group has more than it may", arguments: Metric.allCases)
  func groups(metric: Metric) throws {
    let fixture = try EngineFixture()
    let (engine, model, brands) = try store(fixture, metric)
    defer { engine.close() }
    for (round, (k, most)) in [(10, 1), (50, 3), (300, 2), (12, 100)].enumerated() {
      let query = randomRows(1, Self.dimension, seed: 50 + UInt64(round))
      var held: [AttributeValue: Int] = [:]
      let right = model.search("g", query, k: 2_200).filter { hit in
        guard let brand = brands[hit.id] else { return true }
        held[brand, default: 0] += 1
        return held[brand, default: 0] <= most
      }.prefix(k)
      let found = try ask(engine, query, k: k, .init(group: .init(attribute: "brand", most: most)))
      #expect(found == Array(right), "k = \(k), most = \(most)")
      let near = try ask(engine, query, k: k, .init(group: .init(attribute: "brand", most: most)), effort: .recall(0.95))
      #expect(near.count == right.count)
    }
  }

  @Test("by quotas is the best that keeps them, and where items are too few as near as they allow")
  func quotas() throws {
    let fixture = try EngineFixture()
    let (engine, _, _) = try store(fixture, .ip)
    defer { engine.close() }
    var random = SplitMix64(seed: 8)
    for round in 0..<40 {
      let interests = Int.random(in: 2...4, using: &random)
      // Lengths differ, so that some interests win nearly everything.
      let query = (0..<interests).flatMap { interest in
        randomRows(1, Self.dimension, seed: UInt64(100 * round + interest)).map { $0 * Float(interest == 0 ? 1 : 3) }
      }
      let k = Int.random(in: 5...120, using: &random)
      let quotas = (0..<interests).map { _ -> SearchSelection.Quota in
        let least = Int.random(in: 0...(k / interests), using: &random)
        return .init(least: least, most: Int.random(in: least...max(least, k), using: &random))
      }
      let all = try ask(engine, query, k: 2_200, interests: interests)
      let found = try ask(engine, query, k: k, interests: interests, .init(quotas: quotas))
      #expect(found == Self.best(all, k, quotas), "round \(round)")
    }
    let dwarf = randomRows(1, Self.dimension, seed: 1).map { $0 * 1e-6 } + randomRows(1, Self.dimension, seed: 2)
    let all = try ask(engine, dwarf, k: 2_200, interests: 2)
    let won = all.filter { $0.interest == 0 }.count
    #expect(won < 2_200)
    let quotas = [SearchSelection.Quota(least: 2_000, most: 2_200), .init(least: 0, most: 2_200)]
    let found = try ask(engine, dwarf, k: 2_000, interests: 2, .init(quotas: quotas))
    #expect(found == Self.best(all, 2_000, quotas) && found.filter { $0.interest == 0 }.count == min(won, 2_000))
  }

  /// First the least of each interest, then the best of the rest, in the order of all.
  private static func best(_ all: [OracleHit], _ k: Int, _ quotas: [SearchSelection.Quota]) -> [OracleHit] {
    var chosen: Set<UInt64> = []
    var counts = quotas.map { _ in 0 }
    func take(_ hit: OracleHit) {
      chosen.insert(hit.id)
      counts[Int(hit.interest)] += 1
    }
    for hit in all where counts[Int(hit.interest)] < quotas[Int(hit.interest)].least { take(hit) }
    for hit in all where chosen.count < k && !chosen.contains(hit.id) {
      if counts[Int(hit.interest)] < quotas[Int(hit.interest)].most { take(hit) }
    }
    return all.filter { chosen.contains($0.id) }
  }

  @Test("by diversity takes at each step what has the greatest marginal relevance", arguments: [0, 0.3, 0.8, 1] as [Float])
  func diversity(lambda: Float) throws {
    let fixture = try EngineFixture()
    let (engine, model, _) = try store(fixture, .ip)
    defer { engine.close() }
    let query = randomRows(1, Self.dimension, seed: 77)
    let (k, pool) = (20, 60)
    let candidates = model.search("g", query, k: pool)
    let found = try ask(engine, query, k: k, .init(diversity: .init(lambda: lambda, pool: pool)))
    #expect(found.count == k && Set(found.map(\.id)).count == k)
    let vectors = try #require(model.generations["g"])
    func cosine(_ a: UInt64, _ b: UInt64) -> Double {
      let (a, b) = ((vectors[a] ?? []).map { Double($0) }, (vectors[b] ?? []).map { Double($0) })
      func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
    let (best, worst) = (Double(candidates[0].score), Double(candidates[pool - 1].score))
    func value(_ hit: OracleHit, _ before: ArraySlice<OracleHit>) -> Double {
      let similarity = before.map { cosine(hit.id, $0.id) }.reduce(0, max)
      return Double(lambda) * (Double(hit.score) - worst) / (best - worst) - (1 - Double(lambda)) * similarity
    }
    for (rank, hit) in found.enumerated() {
      let before = found[..<rank]
      let rest = candidates.filter { candidate in !before.contains { $0.id == candidate.id } }
      #expect(rest.contains(hit))
      #expect(value(hit, before) >= (rest.map { value($0, before) }.max() ?? 0) - 1e-4, "rank \(rank)")
    }
    if lambda == 1 { #expect(found == Array(candidates.prefix(k))) }
  }

  @Test("by diversity of a great pool ends when it is told to")
  func stops() throws {
    let fixture = try EngineFixture()
    let (engine, _, _) = try store(fixture, .ip)
    defer { engine.close() }
    var asked = 0
    let message = expectError(.deadlineExceeded) {
      _ = try engine.search(
        SearchRequest(
          collection: "c", k: 2_000, effort: .exact, dimension: Self.dimension, vectors: randomRows(1, Self.dimension, seed: 1),
          selection: .init(diversity: .init(lambda: 0.5, pool: 2_100)))
      ) {
        asked += 1
        return asked > 500
      }
    }
    #expect(message.contains("diverse"))
  }

  @Test("and weights go together, per query of a batch, and what cannot be is refused")
  func together() throws {
    let fixture = try EngineFixture()
    let (engine, _, brands) = try store(fixture, .ip)
    defer { engine.close() }
    let queries = randomRows(3, Self.dimension, seed: 5)
    let selection = SearchSelection(
      group: .init(attribute: "brand", most: 2), diversity: .init(lambda: 0.5))
    let reply = try engine.search(
      SearchRequest(collection: "c", k: 30, effort: .exact, dimension: Self.dimension, vectors: queries, selection: selection)
    ) { false }
    #expect(reply.resultCounts == [30, 30, 30])
    for query in 0..<3 {
      let own = reply.ids[(30 * query)..<(30 * query + 30)]
      let counts = Dictionary(grouping: own.compactMap { brands[$0] }) { $0 }.mapValues(\.count)
      #expect(counts.values.allSatisfy { $0 <= 2 })
    }
    let two = Array(queries[..<16])
    let scaled = two.enumerated().map { $0.offset < 8 ? $0.element * 0.25 : $0.element * 2 }
    #expect(try ask(engine, two, k: 40, interests: 2, weights: [0.25, 2]) == ask(engine, scaled, k: 40, interests: 2))
    let one = Array(queries[..<8])
    for bad in [
      SearchSelection(group: .init(attribute: "color", most: 1)), .init(group: .init(attribute: "price", most: 1)),
      .init(quotas: [.init(least: 3, most: 2)]), .init(quotas: [.init(least: 11, most: 20)]),
      .init(quotas: [.init(least: 0, most: 1), .init(least: 0, most: 1)]), .init(diversity: .init(lambda: 1.5)),
      .init(diversity: .init(lambda: .nan)), .init(diversity: .init(lambda: 0.5, pool: 9)),
    ] {
      expectError(.invalidArgument) { _ = try ask(engine, one, k: 10, bad) }
    }
    for weights in [[1, 1], [0], [-1], [.infinity]] as [[Float]] {
      expectError(.invalidArgument) { _ = try ask(engine, one, k: 10, weights: weights) }
    }
  }
}
