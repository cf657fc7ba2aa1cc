package import VecCore
package import VecKernels

/// Cuts the rows of a segment into lists around centroids, and says in which order the rows have to be written so that
/// each list is one range of them.
package struct IVFBuilder: Sendable {
  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// - Parameters:
  ///   - plane: the rows in their present order; neither ids nor codes nor inverse norms are read.
  ///   - team: threads to share the work; the result does not depend on how many.
  ///   - progress: told the share of the work that is done, from the calling thread.
  ///   - shouldStop: asked from the calling thread between rounds of k-means.
  /// - Returns: the lists, and per new row the number of the present one: row `order[i]` becomes row i.
  /// - Throws: `invalid-argument` for parameters out of range, `deadline-exceeded` when `shouldStop` said so.
  package func build(
    _ plane: VectorPlane, _ parameters: IVFParameters, team: WorkTeam, progress: (Float) -> Void,
    shouldStop: () -> Bool
  ) throws(VecError) -> (order: [UInt32], lists: IVFLists) {
    try parameters.check()
    guard plane.rowCount > 0 else { return ([], IVFLists(empty: plane.dimension, metric: metric)) }
    let rows = ClusterRows(plane, metric: metric)
    let wanted = parameters.listCount(plane.rowCount)
    let sample = Self.sample(plane.rowCount, min(plane.rowCount, wanted * parameters.samplePerList), parameters.seed)
    // In units of row assignments: rounds over the sample, one over all rows.
    let total = Float(parameters.iterations * sample.count + plane.rowCount)
    func report(_ assigned: Int) throws(VecError) {
      if shouldStop() { throw VecError(.deadlineExceeded, "the build of lists was stopped before its end") }
      progress(Float(assigned) / total)
    }
    let means = KMeans(rows: rows, team: team, kernels: kernels)
    let centroids = try means.train(sample, lists: wanted, iterations: parameters.iterations) {
      (round) throws(VecError) in try report(round * sample.count)
    }
    try report(parameters.iterations * sample.count)
    let members = ListMembers(means.assign(centroids, nil as [UInt32]?), lists: wanted)
    let lists = IVFLists(rows, members, metric: metric, team: team)
    progress(1)
    return (members.rows, lists)
  }

  /// `count` different rows in random order.
  private static func sample(_ rowCount: Int, _ count: Int, _ seed: UInt64) -> [UInt32] {
    var rows = (0..<rowCount).map { UInt32(truncatingIfNeeded: $0) }
    var generator = SplitMix64(seed: seed)
    for place in 0..<count {
      rows.swapAt(place, place + Int(generator.next() % UInt64(rowCount - place)))
    }
    rows.removeLast(rowCount - count)
    return rows
  }
}
