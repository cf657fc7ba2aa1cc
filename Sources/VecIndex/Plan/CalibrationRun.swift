package import VecCore
package import VecKernels

/// Measures all indexes of a segment with the same queries.
package struct CalibrationRun {
  private let kernels: Kernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    self.metric = metric
  }

  /// - Parameters:
  ///   - plane: with codes.
  ///   - shouldStop: asked often; true ends with `deadline-exceeded`.
  package func measure(
    _ indexes: IndexSet, _ queries: CalibrationQueries, plane: VectorPlane, targetRecall: Float,
    shouldStop: () -> Bool
  ) throws(VecError) -> Calibration {
    try withoutActuallyEscaping(shouldStop) { (shouldStop) throws(VecError) in
      let search = IndexSearch(kernels: kernels)
      func ask(_ plan: SearchPlan, k: Int) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
        try queries.measuring.withUnsafeBufferPointer { (vectors) throws(VecError) in
          try search.search(
            plan, [SearchedSegment(indexes: indexes, plane: plane)], metric: metric, queries: vectors,
            dimension: plane.dimension, interests: 1, k: k, shouldStop: shouldStop)
        }
      }
      let longest = min(Calibrator.ks.max() ?? 1, plane.rowCount)
      let calibrator = Calibrator(truth: try ask(.exact, k: longest).results)
      var curves: [Calibration.Curve] = []
      for (index, greatest) in greatestParameters(indexes, plane.rowCount) {
        curves += try calibrator.curves(of: index, greatest: greatest, step: { () throws(VecError) in }) {
          (k, parameter) throws(VecError) in
          try ask(SearchPlan(index: index, parameter: parameter, expectedRecall: 0), k: k)
        }
      }
      return Calibration(
        targetRecall: targetRecall, queryCount: queries.measuring.count / plane.dimension,
        isOfSample: queries.isOfSample, curves: curves)
    }
  }

  /// A walk of this length costs as much as a scan of a hundred thousand rows.
  private static let efMax = 4096

  private func greatestParameters(_ indexes: IndexSet, _ rowCount: Int) -> [(IndexType, UInt32)] {
    var all: [(IndexType, UInt32)] = []
    if let lists = indexes.lists { all.append((.ivf, UInt32(lists.count))) }
    if indexes.graph != nil { all.append((.hnsw, UInt32(min(rowCount, Self.efMax)))) }
    return all
  }
}
