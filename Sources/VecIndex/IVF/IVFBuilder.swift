package import VecCore
package import VecKernels

/// Cuts the rows of a segment into lists of near ones.
package struct IVFBuilder {
  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// - Parameters:
  ///   - plane: the rows; valid during the call.
  ///   - team: threads to share the work.
  ///   - progress: told the share of the work that is done, from the calling thread.
  ///   - shouldStop: asked from the calling thread, several times a second.
  /// - Returns: the lists, and the order in which their rows have to be stored: the rows of list 0 first, in their
  ///   present order, then those of list 1, and so on.
  /// - Throws: `invalid-argument` for parameters out of range, `deadline-exceeded` when `shouldStop` said so.
  package func build(
    _ plane: VectorPlane, _ parameters: IVFParameters, team: WorkTeam, progress: (Float) -> Void,
    shouldStop: () -> Bool
  ) throws(VecError) -> (lists: IVFLists, order: [UInt32]) {
    try parameters.check()
    guard plane.rowCount > 0 else { throw VecError(.internalDefect, "ivf: there are no rows to build lists of") }
    return try withoutActuallyEscaping(progress) { (progress) throws(VecError) in
      try withoutActuallyEscaping(shouldStop) { (shouldStop) throws(VecError) in
        try build(ClusterRows(plane, metric: metric), parameters, team, progress, shouldStop)
      }
    }
  }

  private func build(
    _ rows: ClusterRows, _ parameters: IVFParameters, _ team: WorkTeam, _ progress: @escaping (Float) -> Void,
    _ shouldStop: @escaping () -> Bool
  ) throws(VecError) -> (lists: IVFLists, order: [UInt32]) {
    let listCount = parameters.lists(for: rows.count)
    var done = 0
    var total = 1
    let means = KMeans(
      rows: rows, listCount: listCount, parameters: parameters, kernels: kernels, team: team
    ) { (count) throws(VecError) in
      done += count
      progress(min(1, Float(done) / Float(total)))
      if shouldStop() { throw VecError(.deadlineExceeded, "ivf: the build was stopped") }
    }
    total = means.sampleCount * parameters.iterations + rows.count
    let centroids = try means.train()
    let assigned = try means.assignAll(to: centroids)
    var offsets = [UInt32](repeating: 0, count: listCount + 1)
    for list in assigned { offsets[Int(list) + 1] += 1 }
    for list in 0..<listCount { offsets[list + 1] += offsets[list] }
    var next = offsets
    var order = [UInt32](repeating: 0, count: rows.count)
    for (row, list) in assigned.enumerated() {
      order[Int(next[Int(list)])] = UInt32(truncatingIfNeeded: row)
      next[Int(list)] += 1
    }
    let lists = IVFLists(
      centroids: try CentroidIndex(centroids, dimension: rows.dimension, metric: metric, kernels: kernels), offsets: offsets)
    return (lists, order)
  }
}
