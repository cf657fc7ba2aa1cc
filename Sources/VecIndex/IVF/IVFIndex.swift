package import VecCore
package import VecKernels

/// The inverted-file index (Sivic and Zisserman 2003; IVF in Faiss): a query looks only into the lists whose centroids
/// score best for it.
///
/// Within the lists it looks into it is exact: the answer is the true top k of their rows, by the same bounds and the
/// same canonical scores as the flat index. With all lists it is the flat index's answer. A query's answer does not
/// depend on the batch it travels in. A value; any number of threads may search at once.
package struct IVFIndex: Sendable {
  private static let vectorsPerBatch = 512
  private static let poolBytesMax = 16 << 20

  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// The best `k` rows of the lists looked into, best first; `nprobe` lists per vector, and more where those have fewer
  /// than k rows. The vectors of one query look into each other's lists too.
  ///
  /// - Parameters:
  ///   - queries: `queryCount * interests` vectors, query after query, that passed `QueryCheck`.
  ///   - nprobe: 1 or more; more than all lists is all.
  ///   - plane: the rows of the lists, in their order, with codes.
  /// - Returns: the hits, and the mean work per query.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `internal-defect` for arguments that do not fit together.
  package func search(
    _ lists: IVFLists, queries: UnsafeBufferPointer<Float>, interests: Int, k: Int, nprobe: Int, plane: VectorPlane,
    shouldStop: () -> Bool
  ) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
    guard let coded = plane.codes, plane.rowCount == lists.rowCount, plane.dimension == lists.centroids.dimension,
      interests >= 1, interests <= Limits.interestsMax, k >= 1, nprobe >= 1,
      queries.count % (interests * plane.dimension) == 0, metric != .cosine || plane.inverseNorms != nil
    else {
      throw VecError(
        .internalDefect,
        "ivf search: \(queries.count) values of dimension \(plane.dimension), interests \(interests), k \(k), nprobe "
          + "\(nprobe), \(plane.rowCount) rows for lists of \(lists.rowCount)")
    }
    try Pacer.ask(shouldStop)
    guard let base = queries.baseAddress, !queries.isEmpty else { return ([], SearchWork()) }
    let queryCount = queries.count / (interests * plane.dimension)
    let reachable = min(k, plane.rowCount)
    let vectorsMax = min(Self.vectorsPerBatch, max(1, Self.poolBytesMax / CandidatePool.bytes(k: reachable)))
    let queriesMax = max(1, vectorsMax / interests)
    var results: [[Hit]] = []
    results.reserveCapacity(queryCount)
    var work = SearchWork()
    for first in stride(from: 0, to: queryCount, by: queriesMax) {
      let count = min(queriesMax, queryCount - first)
      let vectors = UnsafeBufferPointer(
        start: base + first * interests * plane.dimension, count: count * interests * plane.dimension)
      let (found, done) = try searchBatch(lists, vectors, interests, reachable, nprobe, plane, coded, shouldStop)
      results += found
      work = work + done
    }
    return (results, work * (1 / Double(queryCount)))
  }

  private func searchBatch(
    _ lists: IVFLists, _ vectors: UnsafeBufferPointer<Float>, _ interests: Int, _ k: Int, _ nprobe: Int,
    _ plane: VectorPlane, _ coded: CodePlane, _ shouldStop: () -> Bool
  ) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
    guard let base = vectors.baseAddress else { return ([], SearchWork()) }
    let count = vectors.count / plane.dimension
    let wanted = try route(lists, vectors, interests, k, nprobe, shouldStop)
    let probes = ListProbes(wanted, of: lists)
    let codeKernels = CodeKernels(within: kernels.tier)
    let lanes = 2 * max(kernels.width, codeKernels.width)
    let pool = CandidatePool(
      metric: metric, queries: base, count: count, padded: (count + lanes - 1) / lanes * lanes,
      dimension: plane.dimension, k: k)
    let scan = ListScan(
      kernels: codeKernels, metric: metric, vectors: base, count: count, dimension: plane.dimension, pool: pool)
    try scan.scan(plane, coded, lists, probes, shouldStop)
    let settled = pool.takeResults()
    let results = stride(from: 0, to: count, by: interests).map {
      InterestMerge.merge(settled[$0..<($0 + interests)], k: k, metric: metric)
    }
    // Rows settled depend on the width of registers, so only those that must be are counted.
    let work = SearchWork(scanned: Double(count * lists.listCount), listed: Double(probes.rowCount), settled: Double(count * k))
    return (results, work)
  }

  /// The lists of each vector: those of all vectors of its query together.
  private func route(
    _ lists: IVFLists, _ vectors: UnsafeBufferPointer<Float>, _ interests: Int, _ k: Int, _ nprobe: Int,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Int32]] {
    let near = try lists.centroids.nearest(vectors, k: min(nprobe, lists.listCount), shouldStop: shouldStop)
    var wanted: [[Int32]] = []
    wanted.reserveCapacity(near.count)
    for first in stride(from: 0, to: near.count, by: interests) {
      var own = Self.union(near[first..<(first + interests)])
      var reach = min(nprobe, lists.listCount)
      while rowCount(own, lists) < k, reach < lists.listCount {
        reach = min(2 * reach, lists.listCount)
        let dimension = lists.centroids.dimension
        let again = UnsafeBufferPointer(rebasing: vectors[(first * dimension)..<((first + interests) * dimension)])
        own = Self.union(try lists.centroids.nearest(again, k: reach, shouldStop: shouldStop)[...])
      }
      for _ in 0..<interests { wanted.append(own) }
    }
    return wanted
  }

  private static func union(_ near: ArraySlice<[Hit]>) -> [Int32] {
    if near.count == 1, let only = near.first { return only.map { Int32(truncatingIfNeeded: $0.id) } }
    return Set(near.joined().map { Int32(truncatingIfNeeded: $0.id) }).sorted()
  }

  private func rowCount(_ own: [Int32], _ lists: IVFLists) -> Int {
    own.reduce(0) { $0 + lists.rows(Int($1)).count }
  }
}
