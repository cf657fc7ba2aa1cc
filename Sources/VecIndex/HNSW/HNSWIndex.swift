package import VecCore
package import VecKernels

/// The graph index of one segment: builds a graph over its rows and searches it.
///
/// Walks read the exact vectors; with a plane of codes they read those. A value; any number of threads may search at
/// once, each with its own scratch.
package struct HNSWIndex: Sendable {
  private let kernels: Kernels
  private let codeKernels: CodeKernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    codeKernels = CodeKernels(within: kernels.tier)
    self.metric = metric
  }

  /// - Parameters:
  ///   - plane: under cosine with inverse norms.
  ///   - queries: a sample of users' vectors, `plane.dimension` values each, that passed `QueryCheck`; may be empty.
  ///     Rows that answer the same of them are linked.
  ///   - progress: told the share of the work that is done, from the calling thread.
  ///   - shouldStop: asked from the calling thread, several times a second.
  /// - Throws: `invalid-argument` for parameters out of range, `deadline-exceeded` when `shouldStop` said so.
  package func build(
    _ plane: VectorPlane, codes: CodePlane?, _ parameters: HNSWParameters, queries: UnsafeBufferPointer<Float>,
    team: WorkTeam, progress: (Float) -> Void, shouldStop: () -> Bool
  ) throws(VecError) -> (graph: HNSWGraph, report: HNSWReport) {
    try checkPlane(plane)
    let answers = try answers(plane, queries, shouldStop)
    let weight = metric == .ip ? parameters.normWeight : 0
    if let codes {
      let scorer = CodeScorer(
        kernels: codeKernels, metric: metric, vectors: plane, plane: codes, normWeight: weight, forEdges: true)
      return try build(scorer, parameters, answers, team, progress, shouldStop)
    }
    let scorer = FloatScorer(kernels: kernels, metric: metric, plane: plane, normWeight: weight)
    return try build(scorer, parameters, answers, team, progress, shouldStop)
  }

  private func build(
    _ scorer: some RowScorer, _ parameters: HNSWParameters, _ answers: [[UInt32]], _ team: WorkTeam,
    _ progress: (Float) -> Void, _ shouldStop: () -> Bool
  ) throws(VecError) -> (graph: HNSWGraph, report: HNSWReport) {
    let builder = try HNSWBuilder(scorer: scorer, parameters: parameters, team: team)
    let graph = try builder.build(answers: answers, progress: progress, shouldStop: shouldStop)
    return (graph, builder.report)
  }

  /// The best `k` rows for each query, best first: nearly always the true ones, the more so the longer `ef`; their scores
  /// are exact. At least `min(k, allowed rows)` of them, whatever the mask.
  ///
  /// - Parameters:
  ///   - queries: `queryCount * interests` vectors that passed `QueryCheck`.
  ///   - ef: length of the candidate list; at least k is used, and (m + 3) / 4 times as much for m interests.
  ///   - plane: the rows that the graph was built over.
  ///   - mask: rows that may be returned; nil for all.
  package func search(
    _ graph: HNSWGraph, queries: UnsafeBufferPointer<Float>, interests: Int, k: Int, ef: Int, plane: VectorPlane,
    codes: CodePlane?, mask: RowMask?, scratch: TraversalScratch, shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    try checkPlane(plane)
    guard plane.rowCount == graph.rowCount, interests >= 1, interests <= Limits.interestsMax, k >= 1,
      queries.count % (interests * plane.dimension) == 0
    else {
      throw VecError(
        .internalDefect,
        "hnsw search: \(queries.count) values, interests \(interests), k \(k), "
          + "\(plane.rowCount) rows for a graph over \(graph.rowCount)")
    }
    guard let base = queries.baseAddress else { return [] }
    let batch = (base: base, count: queries.count / (interests * plane.dimension), interests: interests)
    if let codes {
      let scorer = CodeScorer(
        kernels: codeKernels, metric: metric, vectors: plane, plane: codes, normWeight: 0, forEdges: false)
      return try search(graph, scorer, batch, k, ef, plane, mask, scratch, shouldStop)
    }
    let scorer = FloatScorer(kernels: kernels, metric: metric, plane: plane, normWeight: 0)
    return try search(graph, scorer, batch, k, ef, plane, mask, scratch, shouldStop)
  }

  private func search(
    _ graph: HNSWGraph, _ scorer: some RowScorer, _ batch: (base: UnsafePointer<Float>, count: Int, interests: Int),
    _ k: Int, _ ef: Int, _ plane: VectorPlane, _ mask: RowMask?, _ scratch: TraversalScratch, _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    let search = HNSWSearch(graph: graph, scorer: scorer, metric: metric, plane: plane, scratch: scratch)
    var results: [[Hit]] = []
    results.reserveCapacity(batch.count)
    for number in 0..<batch.count {
      let query = batch.base + number * batch.interests * plane.dimension
      results.append(try search.search(query, interests: batch.interests, k: k, ef: ef, mask: mask, shouldStop))
    }
    return results
  }

  /// Per query the rows of the exact answer.
  private func answers(
    _ plane: VectorPlane, _ queries: UnsafeBufferPointer<Float>, _ shouldStop: () -> Bool
  ) throws(VecError) -> [[UInt32]] {
    guard queries.count > 0, plane.rowCount > 0 else { return [] }
    guard queries.count % plane.dimension == 0 else {
      throw VecError(
        .dimensionMismatch, "\(queries.count) query values are not a whole number of vectors of \(plane.dimension)")
    }
    // Row numbers instead of ids, so that answers can be used as rows.
    let numbers = HotArray<UInt64>(plane.rowCount, repeating: 0)
    for row in 0..<plane.rowCount { numbers.base[row] = UInt64(row) }
    let numbered = VectorPlane(
      base: plane.base, rowCount: plane.rowCount, dimension: plane.dimension, elementType: plane.elementType,
      ids: UnsafePointer(numbers.base), inverseNorms: plane.inverseNorms, greatestNorm: plane.greatestNorm)
    let found = try FlatIndex(kernels: kernels, metric: metric).search(
      queries: queries, dimension: plane.dimension, interests: 1, k: QueryLinks.answerLength, planes: [numbered],
      shouldStop: shouldStop)
    return found.map { $0.map { UInt32(truncatingIfNeeded: $0.id) } }
  }

  private func checkPlane(_ plane: VectorPlane) throws(VecError) {
    guard metric != .cosine || plane.inverseNorms != nil, plane.dimension >= 1, plane.rowCount >= 0 else {
      throw VecError(.internalDefect, "hnsw: a plane of dimension \(plane.dimension) without what \(metric.name) needs")
    }
  }
}
