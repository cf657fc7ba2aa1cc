import Testing
import VecAttributes
import VecCore
import VecEngine

/// Filters that go along with the vectors, as categories, languages and regions do: what passes lies together, and often far
/// from the query, where neither lists nor a walk look first.
@Suite("A filter that goes along with the vectors") struct CorrelatedFilterTests {
  private static let dimension = 16
  private static let rowCount = 20_000
  private static let clusterCount = 50

  /// Rows around 50 centres; `u`, 0 to 999, is the rank of a row in the direction of the first axis, `c` its cluster.
  private static func store(_ fixture: EngineFixture) throws -> (engine: Engine, vectors: [Float], records: [AttributeRecord]) {
    let vectors = clusteredRows(rowCount, dimension, clusters: clusterCount, noise: 0.4, seed: 3)
    let order = (0..<rowCount).sorted { vectors[$0 * dimension] < vectors[$1 * dimension] }
    var rank = [Int](repeating: 0, count: rowCount)
    for (place, row) in order.enumerated() { rank[row] = place * 1_000 / rowCount }
    let records = (0..<rowCount).map { AttributeRecord([(0, .int(Int64(rank[$0]))), (1, .int(Int64($0 % clusterCount)))]) }
    let engine = try fixture.open(segmentRows: 12_000)
    try engine.create(
      "c", dimension: dimension, metric: .ip,
      attributes: [AttributeDefinition(name: "u", type: .int), AttributeDefinition(name: "c", type: .int)])
    let ingest = try engine.beginIngest("c", generation: "g")
    try ingest.append(ids: (0..<UInt64(rowCount)).map { $0 }, vectors: vectors, records: records)
    _ = try ingest.commit()
    try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    return (engine, vectors, records)
  }

  /// Near a row of the cluster of `round`, pushed along the first axis.
  private static func query(_ vectors: [Float], _ round: Int, push: Float) -> [Float] {
    let row = round * 37
    var query = Array(vectors[(row * dimension)..<((row + 1) * dimension)])
    query[0] += push
    return query
  }

  @Test(
    "leaves k results and the recall that was asked for, near what passes and far from it",
    arguments: [IndexType?.none, .ivf, .hnsw])
  func recall(index: IndexType?) throws {
    let fixture = try EngineFixture()
    let (engine, vectors, records) = try Self.store(fixture)
    defer { engine.close() }
    func passing(_ wanted: (Int64, Int64) -> Bool) -> Int {
      records.count { record in
        guard case .int(let u)? = record[0], case .int(let c)? = record[1] else { return false }
        return wanted(u, c)
      }
    }
    let shares = [1, 10, 100, 500, 900].map { most in ("u < \(most)", passing { u, _ in u < most }) }
    let categories = [("c = 7", passing { _, c in c == 7 }), ("c in (1, 2, 3)", passing { _, c in (1...3).contains(c) })]
    for (text, count) in shares + categories {
      let filter = try Filter(parsing: text).encode()
      for k in [10, 100] {
        // Those that pass have the least values on the first axis.
        for (name, push) in [("near", Float(-2)), ("as it comes", 0), ("far", 3)] {
          var (found, wanted) = (0, 0)
          for round in 0..<25 {
            func ask(_ effort: SearchEffort, _ index: IndexType?) throws -> SearchReply {
              try engine.search(
                SearchRequest(
                  collection: "c", k: k, effort: effort, index: index, dimension: Self.dimension,
                  vectors: Self.query(vectors, round, push: push), filter: filter)
              ) { false }
            }
            let truth = try ask(.exact, nil)
            let reply = try ask(.recall(0.95), index)
            #expect(reply.ids.count == min(k, count), "\(text), k = \(k), \(name)")
            found += Set(reply.ids).intersection(truth.ids).count
            wanted += truth.ids.count
          }
          let recall = Double(found) / Double(wanted)
          #expect(recall >= 0.94, "\(text), k = \(k), \(name), \(index?.name ?? "auto"): \(recall)")
        }
      }
    }
  }
}
