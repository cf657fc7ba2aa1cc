package import VecCore
package import VecKernels

/// The exact index: every row is scored, and the answer is provably the top k of the canonical scores.
///
/// Fast scores with a proven error bound decide which rows could belong to the answer: from byte codes where a plane
/// has them (`CodeBound`, docs/decisions/0003-code-planes.md), else in float32 (`ScoreBound`). Those rows are settled
/// by the canonical double score (`CandidatePool`, docs/decisions/0002-exact-by-bound-and-settle.md). Results are
/// the same bits for every kernel tier, every cut of the rows into planes, and every batch a query travels in. It is
/// also the ground truth for the approximate indexes. A value; any number of threads may search at once.
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
    let reachable = min(k, planes.reduce(0) { $0 + $1.allowedCount })
    guard reachable > 0 else { return Array(repeating: [], count: queryCount) }

    let lanes = InterestLanes(base, count: queryCount, interests: interests, dimension: dimension)
    let queriesMax = max(
      1, min(Self.vectorsPerBatch / lanes.interests, Self.poolBytesMax / CandidatePool.bytes(k: reachable)))
    var results: [[Hit]] = []
    results.reserveCapacity(queryCount)
    for first in stride(from: 0, to: queryCount, by: queriesMax) {
      let batch = Batch(
        queries: lanes.base + first * lanes.interests * dimension, count: min(queriesMax, queryCount - first),
        interests: lanes.interests, dimension: dimension, k: reachable)
      results += try search(batch, planes, shouldStop)
    }
    return results
  }

  /// Queries that go through all planes together.
  private struct Batch {
    let queries: UnsafePointer<Float>
    let count: Int
    let interests: Int
    let dimension: Int
    let k: Int

    var width: Int { interests * dimension }
  }

  private func search(
    _ batch: Batch, _ planes: [VectorPlane], _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    var (lists, unproven) = try searchPlanes(batch, planes, guessing: true, shouldStop)
    guard !unproven.isEmpty else { return lists }
    let again = Scratch<Float>(unproven.count * batch.width)
    for (place, query) in unproven.enumerated() {
      (again.base + place * batch.width).update(from: batch.queries + query * batch.width, count: batch.width)
    }
    let rest = Batch(
      queries: again.base, count: unproven.count, interests: batch.interests, dimension: batch.dimension, k: batch.k)
    let (proven, _) = try searchPlanes(rest, planes, guessing: false, shouldStop)
    for (place, query) in unproven.enumerated() { lists[query] = proven[place] }
    return lists
  }

  /// The best rows per query, and the queries for which a guessed floor turned out too high.
  private func searchPlanes(
    _ batch: Batch, _ planes: [VectorPlane], guessing: Bool, _ shouldStop: () -> Bool
  ) throws(VecError) -> (lists: [[Hit]], unproven: [Int]) {
    let codeKernels = CodeKernels(within: kernels.tier)
    let lanes = 2 * max(kernels.width, codeKernels.width)
    let vectors = batch.count * batch.interests
    let pool = CandidatePool(
      metric: metric, queries: batch.queries, count: vectors, padded: (vectors + lanes - 1) / lanes * lanes,
      interests: batch.interests, dimension: batch.dimension, k: batch.k)
    var elementScan: FlatScan?
    var codeScan: CodeScan?
    for plane in planes where plane.allowedCount > 0 {
      if let codes = plane.codes {
        let scan = codeScan ?? CodeScan(
          kernels: codeKernels, metric: metric, queries: batch.queries, count: vectors, dimension: batch.dimension,
          pool: pool)
        codeScan = scan
        try scan.scan(plane, codes, guessing: guessing, shouldStop)
      } else {
        let scan = elementScan ?? FlatScan(
          kernels: kernels, metric: metric, queries: batch.queries, count: vectors, dimension: batch.dimension, pool: pool)
        elementScan = scan
        try scan.scan(plane, shouldStop)
      }
    }
    let unproven = pool.unproven
    return (pool.takeResults(), unproven)
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
        metric != .cosine || plane.inverseNorms != nil,
        plane.codes.map({ $0.layout == CodeLayout(rowCount: plane.rowCount, dimension: dimension, metric: metric) })
          ?? true
      else {
        throw VecError(
          .internalDefect,
          "flat search: plane \(number) of dimension \(plane.dimension) with \(plane.rowCount) rows"
            + (plane.inverseNorms == nil ? " and no inverse norms" : "")
            + (plane.codes == nil ? "" : " and codes") + " for queries of dimension \(dimension)")
      }
    }
  }
}
