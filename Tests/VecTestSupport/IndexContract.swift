package import VecCore

/// One set of rows and the queries put to it.
package struct ContractCase: Sendable, CustomStringConvertible {
  package var name: String
  package var metric: Metric
  package var elementType: ElementType
  package var dimension: Int
  /// Row after row; every value fits `elementType` exactly.
  package var rows: [Float]
  package var ids: [UInt64]
  /// Query after query, interest after interest.
  package var queries: [Float]
  package var interests = 1
  package var k: Int

  package init(
    name: String, metric: Metric, elementType: ElementType, dimension: Int, rows: [Float], ids: [UInt64],
    queries: [Float], interests: Int = 1, k: Int
  ) {
    self.name = name
    self.metric = metric
    self.elementType = elementType
    self.dimension = dimension
    self.rows = rows
    self.ids = ids
    self.queries = queries
    self.interests = interests
    self.k = k
  }

  package var queryCount: Int { queries.count / (interests * dimension) }
  package var description: String {
    "\(name): \(metric.name) \(elementType.name) d=\(dimension) n=\(ids.count) k=\(k) interests=\(interests)"
  }

  package func row(_ number: Int) -> ArraySlice<Float> { rows[(number * dimension)..<((number + 1) * dimension)] }

  package func query(_ number: Int, _ interest: Int) -> ArraySlice<Float> {
    let first = (number * interests + interest) * dimension
    return queries[first..<(first + dimension)]
  }
}

/// What every index owes its callers, checked against the oracle. An exact index passes `differences`; an approximate
/// one passes `defects` and is measured by `recall`.
package enum IndexContract {
  /// Random rows of a shape under shuffled, sparse ids. Under cosine zero rows are left out, as ingest refuses them.
  package static func random(
    _ shape: VectorShape, metric: Metric, type: ElementType, dimension: Int, count: Int, k: Int, queries: Int = 3,
    interests: Int = 1, seed: Seed
  ) -> ContractCase {
    var generator = seed.generator
    var rows = shape.rows(count, dimension: dimension, type: type, using: &generator)
    var asked = shape.rows(queries * interests, dimension: dimension, type: .f32, using: &generator)
    if metric == .cosine {
      fillZeroVectors(&rows, dimension)
      fillZeroVectors(&asked, dimension)
    }
    let ids = (0..<count).map { UInt64($0) * 0x1_0000_0001 + 7 }.shuffled(using: &generator)
    return ContractCase(
      name: "\(shape) \(seed)", metric: metric, elementType: type, dimension: dimension, rows: rows, ids: ids,
      queries: asked, interests: interests, k: k)
  }

  /// Where an answer differs from the oracle's, at most one line per query; empty for an exact index.
  package static func differences(_ given: ContractCase, _ answer: [[OracleHit]]) -> [String] {
    let right = Oracle.answer(given)
    guard answer.count == right.count else { return ["\(given): \(answer.count) answers to \(right.count) queries"] }
    return zip(right, answer).enumerated().compactMap { query, lists in
      let (expected, found) = lists
      if expected == found { return nil }
      guard let place = expected.indices.first(where: { $0 >= found.count || found[$0] != expected[$0] }) else {
        return "\(given): query \(query) has \(found.count) hits, not \(expected.count)"
      }
      let instead = place < found.count ? "\(found[place])" : "nothing"
      return "\(given): query \(query) hit \(place) is \(instead), not \(expected[place])"
    }
  }

  /// Broken promises of form: too many hits, wrong scores or interests, wrong order, ids that repeat or do not exist.
  package static func defects(_ given: ContractCase, _ answer: [[OracleHit]]) -> [String] {
    var every = given
    every.k = given.ids.count
    let truth = Oracle.answer(every)
    var found: [String] = []
    for (query, hits) in answer.enumerated() {
      let scored = Dictionary(uniqueKeysWithValues: truth[query].map { ($0.id, $0) })
      if hits.count > given.k { found.append("\(given): query \(query) has \(hits.count) hits") }
      if Set(hits.map(\.id)).count != hits.count { found.append("\(given): query \(query) repeats an id") }
      for hit in hits where scored[hit.id] != hit {
        found.append("\(given): query \(query) says \(hit), not \(scored[hit.id].map(String.init(describing:)) ?? "-")")
      }
      for (a, b) in zip(hits, hits.dropFirst()) where !Oracle.isBefore(a, b, given.metric) {
        found.append("\(given): query \(query) has \(a) before \(b)")
      }
    }
    return found
  }

  /// The share of the true top k that was found, over all queries.
  package static func recall(_ given: ContractCase, _ answer: [[OracleHit]]) -> Double {
    let right = Oracle.answer(given)
    let shared = zip(right, answer).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
    return Double(shared) / Double(max(1, right.reduce(0) { $0 + $1.count }))
  }

  private static func fillZeroVectors(_ values: inout [Float], _ dimension: Int) {
    for start in stride(from: 0, to: values.count, by: dimension) {
      var square = 0.0
      for at in start..<(start + dimension) { square += Double(values[at]) * Double(values[at]) }
      if square.squareRoot() < Limits.cosineNormMin { values[start] = 1 }
    }
  }
}
