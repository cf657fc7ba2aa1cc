package import VecCore
package import VecKernels

/// Measures all indexes of a segment with the same queries.
package struct CalibrationRun {
  /// What searches ask for most.
  private static let targets: [Float] = [0.9, 0.95, 0.99]

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
        var plan = plan
        if plan.index == .ivf { plan.certainty = .likely }
        return try queries.measuring.withUnsafeBufferPointer { (vectors) throws(VecError) in
          try search.search(
            plan, [SearchedSegment(indexes: indexes, plane: plane)], metric: metric, queries: vectors,
            dimension: plane.dimension, interests: 1, k: k, shouldStop: shouldStop)
        }
      }
      let longest = min(Calibrator.ks.max() ?? 1, plane.rowCount)
      let targets = Set(Self.targets + [targetRecall]).sorted()
      let calibrator = Calibrator(truth: try ask(.exact, k: longest).results, targets: targets)
      var curves: [Calibration.Curve] = []
      for (index, greatest) in greatestParameters(indexes, plane.rowCount) {
        curves += try calibrator.curves(of: index, greatest: greatest, step: { () throws(VecError) in }) {
          (k, parameter) throws(VecError) in
          try ask(SearchPlan(index: index, parameter: parameter, expectedRecall: 0), k: k)
        }
      }
      let margins = try margins(indexes, queries, plane: plane, ks: calibrator.ks, shouldStop)
      let marginCurves = try calibrator.curves(
        of: .ivf, ks: calibrator.ks.filter { margins[$0] != nil }, greatest: UInt32(indexes.lists?.count ?? 1),
        step: { () throws(VecError) in }
      ) { (k, parameter) throws(VecError) in
        let margin = margins[k]?.margin(leaving: parameter)
        return try ask(SearchPlan(index: .ivf, parameter: parameter, margin: margin, expectedRecall: 0), k: k)
      }
      return Calibration(
        targetRecall: targetRecall, queryCount: queries.measuring.count / plane.dimension,
        isOfSample: queries.isOfSample, curves: curves, marginCurves: marginCurves.map { Self.curve($0, margins[$0.k]) })
    }
  }

  /// Queries that say which margins are worth measuring. What these find is then measured with all.
  private static let marginQueries = 64

  private func margins(
    _ indexes: IndexSet, _ queries: CalibrationQueries, plane: VectorPlane, ks: [Int], _ shouldStop: () -> Bool
  ) throws(VecError) -> [Int: ListMargins] {
    guard let lists = indexes.lists, lists.count > 0 else { return [:] }
    let asked = Array(queries.measuring.prefix(Self.marginQueries * plane.dimension))
    let part = IVFPart(lists: lists, plane: plane, nprobe: 1, margin: 0)
    var all: [Int: ListMargins] = [:]
    for k in ks {
      let found = try asked.withUnsafeBufferPointer { (vectors) throws(VecError) in
        try IVFIndex(kernels: kernels, metric: metric).margins(part, queries: vectors, k: k, shouldStop: shouldStop)
      }
      // All queries or none, so that a margin means the same for each.
      let isWhole = !found.isEmpty && found.count * plane.dimension == lists.count * asked.count
      if isWhole { all[k] = ListMargins(found, queries: found.count / lists.count) }
    }
    return all
  }

  private static func curve(_ curve: Calibration.Curve, _ margins: ListMargins?) -> Calibration.Curve {
    var curve = curve
    for place in curve.points.indices {
      curve.points[place].margin = margins?.margin(leaving: curve.points[place].parameter)
    }
    return curve
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

/// The margins of all lists for some queries.
private struct ListMargins {
  private let descending: [Float]
  private let queries: Int

  init(_ margins: [Float], queries: Int) {
    descending = margins.sorted(by: >)
    self.queries = queries
  }

  /// The margin within which so many lists are on average, or more where that would be above the floor.
  func margin(leaving lists: UInt32) -> Float { min(0, descending[min(Int(lists) * queries, descending.count) - 1]) }
}
