package import VecCore
package import VecKernels

/// The indexes that one segment has besides flat, which every segment has.
package struct IndexSet: Sendable {
  package var lists: IVFLists?
  package var calibration: Calibration?

  package init(lists: IVFLists? = nil, calibration: Calibration? = nil) {
    self.lists = lists
    self.calibration = calibration
  }

  package var available: Set<IndexType> {
    var types: Set<IndexType> = []
    if lists != nil { types.insert(.ivf) }
    return types
  }

  /// What to tell the planner of a segment with these indexes.
  package func planner(rowCount: Int, dimension: Int) -> Planner {
    Planner(
      calibration: calibration, available: available, rowCount: rowCount, stride: RowCode.stride(dimension: dimension),
      dimension: dimension)
  }
}

/// Answers queries by any index of a segment. A value; any number of threads may search at once.
package struct IndexSearch: Sendable {
  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// The best `k` rows for each query, best first, by what the plan says; scores are exact with every index.
  ///
  /// - Parameters:
  ///   - indexes: have what the plan names.
  ///   - plane: the rows of the segment, with codes.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `not-available` without the index, `internal-defect`.
  package func search(
    _ plan: SearchPlan, _ indexes: IndexSet, queries: UnsafeBufferPointer<Float>, interests: Int, k: Int,
    plane: VectorPlane, shouldStop: () -> Bool
  ) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
    switch plan.index {
    case .ivf where indexes.lists != nil && plane.codes != nil:
      guard let lists = indexes.lists else { break }
      return try IVFIndex(kernels: kernels, metric: metric).search(
        lists, queries: queries, interests: interests, k: k, nprobe: Int(max(1, plan.parameter)), plane: plane,
        shouldStop: shouldStop)
    case .flat:
      let results = try FlatIndex(kernels: kernels, metric: metric).search(
        queries: queries, dimension: plane.dimension, interests: interests, k: k, planes: [plane],
        shouldStop: shouldStop)
      return (results, SearchWork(scanned: Double(plane.rowCount * interests), settled: Double(k)))
    default: break
    }
    throw VecError(.notAvailable, "index \(plan.index.name): the segment does not have it, or there is no memory for codes")
  }
}
