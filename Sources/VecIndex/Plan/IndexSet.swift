import Synchronization
package import VecCore
package import VecKernels

/// The indexes that one segment has besides flat, which every segment has.
package struct IndexSet: Sendable {
  package var lists: IVFLists?
  package var graph: HNSWGraph?
  package var calibration: Calibration?

  package init(lists: IVFLists? = nil, graph: HNSWGraph? = nil, calibration: Calibration? = nil) {
    self.lists = lists
    self.graph = graph
    self.calibration = calibration
  }

  package var available: Set<IndexType> {
    var types: Set<IndexType> = []
    if lists != nil { types.insert(.ivf) }
    if graph != nil { types.insert(.hnsw) }
    return types
  }

  /// What to tell the planner of a segment with these indexes.
  package func planner(rowCount: Int, dimension: Int) -> Planner {
    Planner(
      calibration: calibration, available: available, rowCount: rowCount, stride: RowCode.stride(dimension: dimension),
      dimension: dimension)
  }
}

/// Answers queries by any index of a segment. Any number of threads may search at once; each search takes working memory
/// for traversals from those that have ended.
package final class IndexSearch: Sendable {
  private let kernels: Kernels
  private let scratches = Mutex<[TraversalScratch]>([])

  package init(kernels: Kernels) { self.kernels = kernels }

  /// The best `k` rows for each query, best first, by what the plan says; scores are exact with every index.
  ///
  /// - Parameters:
  ///   - indexes: have what the plan names.
  ///   - plane: the rows of the segment, with codes.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `not-available` without the index, `internal-defect`.
  package func search(
    _ plan: SearchPlan, _ indexes: IndexSet, metric: Metric, queries: UnsafeBufferPointer<Float>, interests: Int, k: Int,
    plane: VectorPlane, shouldStop: () -> Bool
  ) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
    let count = Double(queries.count / max(1, interests * plane.dimension))
    switch plan.index {
    case .flat:
      let results = try FlatIndex(kernels: kernels, metric: metric).search(
        queries: queries, dimension: plane.dimension, interests: interests, k: k, planes: [plane],
        shouldStop: shouldStop)
      return (results, SearchWork(scanned: Double(plane.rowCount * interests), settled: Double(k)))
    case .ivf:
      guard let lists = indexes.lists, plane.codes != nil else { break }
      let (hits, work) = try IVFIndex(kernels: kernels, metric: metric).search(
        lists, queries: queries, interests: interests, k: k, nprobe: Int(max(1, plan.parameter)), plane: plane,
        shouldStop: shouldStop)
      // Rows settled depend on the width of registers, so only those that must be are counted.
      return (
        hits,
        SearchWork(
          scanned: Double(lists.count * interests), listed: Double(work.rows) / max(1, count), settled: Double(k))
      )
    case .hnsw:
      guard let graph = indexes.graph, let codes = plane.codes else { break }
      let scratch = scratches.withLock { $0.popLast() } ?? TraversalScratch()
      defer { scratches.withLock { $0.append(scratch) } }
      let before = scratch.visitedCount
      let results = try HNSWIndex(kernels: kernels, metric: metric).search(
        graph, queries: queries, interests: interests, k: k, ef: Int(max(1, plan.parameter)), plane: plane,
        codes: codes, mask: nil, scratch: scratch, shouldStop: shouldStop)
      let visited = Double(scratch.visitedCount - before) / max(1, count)
      return (results, SearchWork(visited: visited, settled: 1.2 * Double(k)))
    }
    throw VecError(
      .notAvailable, "index \(plan.index.name): the segment does not have it, or there is no memory for codes")
  }
}
