package import VecCore

/// One result of the oracle or of an index under test, as callers see it.
package struct OracleHit: Sendable, Equatable, CustomStringConvertible {
  package var id: UInt64
  package var score: Float
  package var interest: UInt8

  package init(id: UInt64, score: Float, interest: UInt8) {
    self.id = id
    self.score = score
    self.interest = interest
  }

  package var description: String { "(id \(id), score \(score), interest \(interest))" }
}

/// The definition of the right answer, written as plainly as possible: score everything in double, sort, take k.
///
/// The summation order is part of the definition of a score (eight interleaved sums), because only then is "the" score
/// one float and ties are ties. It is written here a second time, in Swift, and compared bit by bit.
package enum Oracle {
  package static func dot(_ q: ArraySlice<Float>, _ x: ArraySlice<Float>) -> Double {
    interleavedSum(zip(q, x).map { Double($0) * Double($1) })
  }

  package static func squaredDistance(_ q: ArraySlice<Float>, _ x: ArraySlice<Float>) -> Double {
    interleavedSum(
      zip(q, x).map { q, x in
        let difference = Double(q) - Double(x)
        return difference * difference
      })
  }

  /// The score as callers see it: inner product, cosine or squared distance, rounded once to float32.
  package static func score(_ metric: Metric, _ q: ArraySlice<Float>, _ x: ArraySlice<Float>) -> Float {
    switch metric {
    case .ip: Float(dot(q, x)) + 0
    case .cosine: Float(dot(q, x) / (dot(q, q).squareRoot() * dot(x, x).squareRoot())) + 0
    case .l2: Float(squaredDistance(q, x))
    }
  }

  /// The exact answer to every query of a case.
  package static func answer(_ given: ContractCase) -> [[OracleHit]] {
    (0..<given.queryCount).map { query in
      let all = given.ids.indices.map { row in best(given, query, row) }
      return Array(all.sorted { isBefore($0, $1, given.metric) }.prefix(given.k))
    }
  }

  /// Best first; equal scores by ascending id.
  package static func isBefore(_ a: OracleHit, _ b: OracleHit, _ metric: Metric) -> Bool {
    if a.score == b.score { return a.id < b.id }
    return isBetter(a.score, b.score, metric)
  }

  private static func isBetter(_ a: Float, _ b: Float, _ metric: Metric) -> Bool { metric == .l2 ? a < b : a > b }

  private static func best(_ given: ContractCase, _ query: Int, _ row: Int) -> OracleHit {
    var hit = OracleHit(id: given.ids[row], score: 0, interest: 0)
    for interest in 0..<given.interests {
      let score = score(given.metric, given.query(query, interest), given.row(row))
      if interest == 0 || isBetter(score, hit.score, given.metric) {
        hit.score = score
        hit.interest = UInt8(interest)
      }
    }
    return hit
  }

  private static func interleavedSum(_ terms: [Double]) -> Double {
    var s = [Double](repeating: 0, count: 8)
    for (index, term) in terms.enumerated() { s[index % 8] += term }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
  }
}
