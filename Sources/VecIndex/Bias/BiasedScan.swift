package import VecCore
package import VecKernels

/// Exact search of the rows that have a bias: a row's score is its canonical score plus its bias, rounded to float32.
///
/// Byte codes with the bias as offset give bounds, the pool settles what they leave: the argument of `CandidatePool` with
/// bounds that allow for the roundings of the bias too (`CodeBound`). Rows without codes are all settled. A value; any number
/// of threads may search at once.
package struct BiasedScan: Sendable {
  private static let vectorsPerBatch = 256
  private static let poolBytesMax = 16 << 20
  private static let blockRows = 1_024

  private let kernels: CodeKernels
  private let metric: Metric

  /// - Parameter metric: ip or cosine, where greater scores are better.
  package init(kernels: Kernels, metric: Metric) {
    self.kernels = CodeKernels(within: kernels.tier)
    self.metric = metric
  }

  /// The best `k` of the biased rows of all parts for each query, best first; equal scores in the order of ascending ids.
  ///
  /// - Parameters:
  ///   - parts: no id twice among them; rows that a plane's mask leaves out are not returned.
  ///   - queries: `interests` vectors per query that passed `QueryCheck`.
  ///   - greatest: not below the magnitude of any bias.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `internal-defect` for arguments that do not fit together.
  package func search(
    _ parts: [BiasedPart], queries: UnsafeBufferPointer<Float>, dimension: Int, interests: Int, k: Int, greatest: Float,
    shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    try Pacer.ask(shouldStop)
    guard metric != .l2, dimension >= 1, interests >= 1, interests <= Limits.interestsMax, k >= 1,
      queries.count % (interests * dimension) == 0, parts.allSatisfy({ $0.plane.dimension == dimension })
    else {
      throw VecError(
        .internalDefect,
        "biased search: \(queries.count) values of dimension \(dimension), interests \(interests), k \(k), \(metric.name)")
    }
    let queryCount = queries.count / (interests * dimension)
    let reachable = min(k, parts.reduce(0) { $0 + $1.rows.rows.count })
    guard let base = queries.baseAddress, reachable > 0 else { return Array(repeating: [], count: queryCount) }
    let lanes = InterestLanes(base, count: queryCount, interests: interests, dimension: dimension)
    let most = max(1, min(Self.vectorsPerBatch / lanes.interests, Self.poolBytesMax / CandidatePool.bytes(k: reachable)))
    var results: [[Hit]] = []
    for first in stride(from: 0, to: queryCount, by: most) {
      results += try search(
        parts, lanes.base + first * lanes.interests * dimension, count: min(most, queryCount - first) * lanes.interests,
        interests: lanes.interests, dimension, reachable, greatest, shouldStop)
    }
    return results
  }

  private func search(
    _ parts: [BiasedPart], _ queries: UnsafePointer<Float>, count: Int, interests: Int, _ dimension: Int, _ k: Int,
    _ greatest: Float, _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    let pool = CandidatePool(
      metric: metric, queries: queries, count: count, padded: count, interests: interests, dimension: dimension, k: k)
    let codes = VectorCodes(
      kernels: kernels, metric: metric, queries: queries, count: count, padded: count, dimension: dimension, pool: pool,
      greatestBias: greatest)
    let pass = SketchPass(kernels: kernels, codes: codes, pool: pool, blockRows: Self.blockRows)
    for part in parts where !part.rows.rows.isEmpty {
      pool.begin(part.plane, codes.bounds.map { .codes($0) }, biases: part.rows)
      for vector in stride(from: 0, to: count, by: interests) {
        if let coded = part.plane.codes, part.rows.factors != nil {
          try pass.scan(part.rows, of: coded, first: vector, shouldStop)
        } else {
          for row in part.rows.rows { try pool.takeUnseen(vector, row: Int(row), shouldStop) }
        }
      }
      try pool.finish(shouldStop)
    }
    return pool.takeResults()
  }
}
