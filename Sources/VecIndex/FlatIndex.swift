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
    let reachable = min(k, planes.reduce(0) { $0 + $1.rowCount })
    guard reachable > 0 else { return Array(repeating: [], count: queryCount) }

    let vectorBytes = CandidatePool.bytes(k: reachable)
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
    var (lists, unproven) = try searchPlanes(queries, count, dimension, k, planes, guessing: true, shouldStop)
    guard !unproven.isEmpty else { return lists }
    let again = Scratch<Float>(unproven.count * dimension)
    for (place, vector) in unproven.enumerated() {
      (again.base + place * dimension).update(from: queries + vector * dimension, count: dimension)
    }
    let (proven, _) = try searchPlanes(
      again.base, unproven.count, dimension, k, planes, guessing: false, shouldStop)
    for (place, vector) in unproven.enumerated() { lists[vector] = proven[place] }
    return lists
  }

  /// The best rows per vector, and the vectors for which a guessed floor turned out too high.
  private func searchPlanes(
    _ queries: UnsafePointer<Float>, _ count: Int, _ dimension: Int, _ k: Int, _ planes: [VectorPlane],
    guessing: Bool, _ shouldStop: () -> Bool
  ) throws(VecError) -> (lists: [[Settled]], unproven: [Int]) {
    let codeKernels = CodeKernels(within: kernels.tier)
    let lanes = 2 * max(kernels.width, codeKernels.width)
    let pool = CandidatePool(
      metric: metric, queries: queries, count: count, padded: (count + lanes - 1) / lanes * lanes,
      dimension: dimension, k: k)
    var elementScan: FlatScan?
    var codeScan: CodeScan?
    for plane in planes where plane.rowCount > 0 {
      if let codes = plane.codes {
        let scan = codeScan ?? CodeScan(
          kernels: codeKernels, metric: metric, queries: queries, count: count, dimension: dimension, pool: pool)
        codeScan = scan
        try scan.scan(plane, codes, guessing: guessing, shouldStop)
      } else {
        let scan = elementScan ?? FlatScan(
          kernels: kernels, metric: metric, queries: queries, count: count, dimension: dimension, pool: pool)
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
