package import VecCore
package import VecKernels

/// The exact index: every row is scored, and the answer is provably the top k of the canonical scores.
///
/// Fast float32 scores with a proven error bound decide which rows could belong to the answer; those are settled by the
/// canonical double score (`ScoreBound`, `CandidatePool`, docs/decisions/0002-exact-by-bound-and-settle.md). Results
/// are the same bits for every kernel tier, every cut of the rows into planes, and every batch a query travels in. It
/// is also the ground truth for the approximate indexes. A value; any number of threads may search at once.
package struct FlatIndex: Sendable {
  private static let vectorsPerBatch = 256
  private static let poolBytesMax = 16 << 20

  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// The best `k` rows of all planes for each query, best first; fewer when there are fewer rows. Equal scores are in
  /// the order of ascending ids. An id's score is its best over the interests; the first interest that attains it is
  /// named.
  ///
  /// - Parameters:
  ///   - queries: `queryCount * interests` vectors, query after query, that passed `QueryCheck`.
  ///   - k: at least 1.
  ///   - planes: no id twice among them.
  ///   - shouldStop: asked at the start and about every 50 to 500 microseconds of work.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `internal-defect` for arguments that do not fit together.
  package func search(
    queries: UnsafeBufferPointer<Float>, dimension: Int, interests: Int, k: Int, planes: [VectorPlane],
    shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    try check(queries.count, dimension, interests, k, planes)
    try Pacer.ask(shouldStop)
    guard let base = queries.baseAddress else { return [] }
    let queryCount = queries.count / (interests * dimension)
    // More than all rows cannot be found, and buffers are sized by k.
    let reachable = min(k, planes.reduce(0) { $0 + $1.rowCount })
    guard reachable > 0 else { return Array(repeating: [], count: queryCount) }

    let vectorBytes = CandidatePool.capacity(k: reachable) * 8
    let vectorsMax = min(Self.vectorsPerBatch, max(1, Self.poolBytesMax / vectorBytes))
    let queriesMax = max(1, vectorsMax / interests)
    var results: [[Hit]] = []
    results.reserveCapacity(queryCount)
    for first in stride(from: 0, to: queryCount, by: queriesMax) {
      let vectors = min(queriesMax, queryCount - first) * interests
      let lists = try searchBatch(
        base + first * interests * dimension, vectors, dimension, reachable, planes, shouldStop)
      for start in stride(from: 0, to: vectors, by: interests) {
        results.append(InterestMerge.merge(lists[start..<(start + interests)], k: reachable, metric: metric))
      }
    }
    return results
  }

  private func searchBatch(
    _ queries: UnsafePointer<Float>, _ count: Int, _ dimension: Int, _ k: Int, _ planes: [VectorPlane],
    _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Settled]] {
    let lanes = QueryGroup.lanes(kernels)
    let pool = CandidatePool(
      metric: metric, queries: queries, count: count, padded: (count + lanes - 1) / lanes * lanes,
      dimension: dimension, k: k)
    let scan = FlatScan(
      kernels: kernels, metric: metric, queries: queries, count: count, dimension: dimension, pool: pool)
    for plane in planes where plane.rowCount > 0 { try scan.scan(plane, shouldStop) }
    return pool.takeResults()
  }

  private func check(
    _ valueCount: Int, _ dimension: Int, _ interests: Int, _ k: Int, _ planes: [VectorPlane]
  ) throws(VecError) {
    guard dimension >= 1, dimension <= Limits.dimensionMax, interests >= 1, interests <= Limits.interestsMax, k >= 1,
      valueCount % (interests * dimension) == 0
    else {
      throw VecError(
        .internalDefect, "flat search: \(valueCount) values, dimension \(dimension), interests \(interests), k \(k)")
    }
    for (number, plane) in planes.enumerated() {
      guard plane.dimension == dimension, plane.rowCount >= 0, plane.rowCount <= Limits.segmentRowsMax,
        metric != .cosine || plane.inverseNorms != nil
      else {
        throw VecError(
          .internalDefect,
          "flat search: plane \(number) of dimension \(plane.dimension) with \(plane.rowCount) rows"
            + (plane.inverseNorms == nil ? " and no inverse norms" : "") + " for queries of dimension \(dimension)")
      }
    }
  }
}
