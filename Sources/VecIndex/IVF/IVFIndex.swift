package import VecCore
package import VecKernels

/// The inverted-file index of one segment: looks at the lists that a query's best rows are likely to lie in.
///
/// The answer is exactly the top k of the rows in the lists that were looked at: bounds from byte codes drop rows, the
/// canonical score decides (docs/decisions/0005-ivf.md). It is the same on every CPU and in every batch. Looking at
/// all lists gives the flat index's answer. A value; any number of threads may search at once.
///
/// Sivic, Zisserman, "Video Google", ICCV 2003; Jegou, Douze, Schmid, "Product quantization for nearest neighbor search",
/// TPAMI 2011.
package struct IVFIndex: Sendable {
  private static let vectorsPerBatch = 256
  private static let poolBytesMax = 16 << 20

  private let kernels: Kernels
  private let codeKernels: CodeKernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    codeKernels = CodeKernels(within: kernels.tier)
    self.metric = metric
  }

  /// The best `k` rows of the lists that are looked at, for each query, best first; `min(k, allowed rows)` at least.
  /// Equal scores are in the order of ascending ids. An id's score is its best over the interests.
  ///
  /// - Parameters:
  ///   - lists: of the plane's rows in their order.
  ///   - queries: `queryCount * interests` vectors, query after query, that passed `QueryCheck`.
  ///   - k: at least 1.
  ///   - nprobe: lists per interest, at least 1; more than there are means all. More are looked at where these hold fewer
  ///     than k rows.
  ///   - plane: with codes.
  ///   - mask: rows that may be returned; nil for all.
  ///   - shouldStop: asked at the start and about every 50 to 500 microseconds of work.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `internal-defect` for arguments that do not fit together.
  package func search(
    _ lists: IVFLists, queries: UnsafeBufferPointer<Float>, interests: Int, k: Int, nprobe: Int, plane: VectorPlane,
    mask: RowMask? = nil, shouldStop: () -> Bool
  ) throws(VecError) -> (hits: [[Hit]], work: IVFWork) {
    let codes = try check(lists, queries.count, interests, k, nprobe, plane)
    try Pacer.ask(shouldStop)
    let dimension = plane.dimension
    let queryCount = queries.count / (interests * dimension)
    let allowed = mask.map { $0.count(0..<plane.rowCount) } ?? plane.rowCount
    let reachable = min(k, allowed)
    guard let base = queries.baseAddress, let codes, reachable > 0 else {
      return (Array(repeating: [], count: queryCount), IVFWork())
    }
    let vectorsMax = min(Self.vectorsPerBatch, max(1, Self.poolBytesMax / CandidatePool.bytes(k: reachable)))
    let queriesMax = max(1, vectorsMax / interests)
    let plan = ProbePlan(
      lists: lists, mask: mask, k: reachable, nprobe: nprobe, interests: interests, kernels: kernels,
      codeKernels: codeKernels)
    var results: [[Hit]] = []
    results.reserveCapacity(queryCount)
    var work = IVFWork()
    for first in stride(from: 0, to: queryCount, by: queriesMax) {
      let vectors = min(queriesMax, queryCount - first) * interests
      let scan = ListScan(
        kernels: codeKernels, metric: metric, queries: base + first * interests * dimension, count: vectors,
        interests: interests, k: reachable, lists: lists, plane: plane, coded: codes, mask: mask)
      let found = try scan.search(plan, shouldStop)
      for start in stride(from: 0, to: vectors, by: interests) {
        results.append(InterestMerge.merge(found[start..<(start + interests)], k: reachable, metric: metric))
      }
      work = work + scan.work
    }
    return (results, work)
  }

  /// The lists that `search` would look at for one query, best first. The place of a true answer's list in the order
  /// of all lists is the `nprobe` that finds it: a whole curve of recall in one pass.
  /// - Parameter query: `interests` vectors that passed `QueryCheck`.
  package func probes(
    _ lists: IVFLists, query: UnsafeBufferPointer<Float>, interests: Int, k: Int, nprobe: Int, mask: RowMask? = nil
  ) -> [UInt32] {
    guard let base = query.baseAddress, lists.count > 0, query.count == interests * lists.dimension else { return [] }
    let plan = ProbePlan(
      lists: lists, mask: mask, k: min(k, lists.rowCount), nprobe: nprobe, interests: interests, kernels: kernels,
      codeKernels: codeKernels)
    plan.choose { ranking, interest in
      let vector = base + interest * lists.dimension
      let norm = CanonicalScore.norm(vector, dimension: lists.dimension)
      let code = QueryCode(vector, dimension: lists.dimension, metric: metric)
      ranking.score(vector, metric: metric, norm: norm, code: code)
    }
    return plan.taken
  }

  private func check(
    _ lists: IVFLists, _ valueCount: Int, _ interests: Int, _ k: Int, _ nprobe: Int, _ plane: VectorPlane
  ) throws(VecError) -> CodePlane? {
    let layout = CodeLayout(rowCount: plane.rowCount, dimension: plane.dimension, metric: metric)
    guard interests >= 1, interests <= Limits.interestsMax, k >= 1, nprobe >= 1, plane.dimension >= 1,
      valueCount % (interests * plane.dimension) == 0, lists.rowCount == plane.rowCount,
      lists.dimension == plane.dimension, lists.metric == metric, metric != .cosine || plane.inverseNorms != nil,
      plane.rowCount == 0 || plane.codes?.layout == layout
    else {
      throw VecError(
        .internalDefect,
        "ivf search: \(valueCount) values, interests \(interests), k \(k), nprobe \(nprobe); a plane of dimension "
          + "\(plane.dimension) with \(plane.rowCount) rows"
          + (plane.codes == nil ? " and no codes" : "") + " for lists of dimension \(lists.dimension) over "
          + "\(lists.rowCount) rows")
    }
    return plane.codes
  }
}
