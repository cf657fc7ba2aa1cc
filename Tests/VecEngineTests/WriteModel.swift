import Testing
import VecCore
import VecEngine
import VecTestSupport

/// The plainest store that could be right: per generation a dictionary of vectors, searched by scoring everything.
struct WriteModel {
  let dimension: Int
  let metric: Metric
  var generations: [String: [UInt64: [Float]]] = [:]
  var live: String?
  /// Labels that were live before, the latest last.
  var history: [String] = []

  mutating func upsert(_ label: String, _ ids: [UInt64], _ vectors: [Float]) -> UInt64 {
    let existing = Set(ids).count { generations[label]?[$0] != nil }
    for (row, id) in ids.enumerated() {
      generations[label, default: [:]][id] = Array(vectors[(row * dimension)..<((row + 1) * dimension)])
    }
    return UInt64(existing)
  }

  mutating func delete(_ label: String, _ ids: [UInt64]) -> UInt64 {
    ids.reduce(0) { $0 + (generations[label]?.removeValue(forKey: $1) == nil ? 0 : 1) }
  }

  /// The best k, as the engine must give them bit by bit.
  func search(_ label: String, _ query: [Float], k: Int) -> [OracleHit] {
    let all = (generations[label] ?? [:]).map { id, vector in
      OracleHit(id: id, score: Oracle.score(metric, query[...], vector[...]), interest: 0)
    }
    return Array(all.sorted { Oracle.isBefore($0, $1, metric) }.prefix(k))
  }
}

extension Engine {
  func upsert(
    _ name: String, _ ids: [UInt64], _ vectors: [Float], dimension: Int, generation: String? = nil,
    token: WriteToken? = nil
  ) throws -> WriteReceipt {
    let request = UpsertRequest(
      collection: name, generation: generation, token: token, dimension: dimension, ids: ids, vectors: vectors)
    return try write([.upsert(request)])[0].get()
  }

  func delete(
    _ name: String, _ ids: [UInt64], generation: String? = nil, token: WriteToken? = nil
  ) throws -> WriteReceipt {
    try write([.delete(DeleteRequest(collection: name, generation: generation, token: token, ids: ids))])[0].get()
  }

  /// The exact answer to one query.
  func exact(_ name: String, _ query: [Float], k: Int, generation: String? = nil) throws -> [OracleHit] {
    let reply = try search(
      SearchRequest(
        collection: name, generation: generation, k: k, effort: .exact, dimension: query.count, vectors: query)
    ) { false }
    return zip(zip(reply.ids, reply.scores), reply.interests).map { OracleHit(id: $0.0, score: $0.1, interest: $1) }
  }
}
