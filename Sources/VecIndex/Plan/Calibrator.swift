package import VecCore

/// Measures recall against work: asks an index the same queries with setting after setting and compares with the truth.
package struct Calibrator {
  /// The k that curves are measured for, as far as there are so many rows.
  package static let ks = [10, 100, 500, 1000]
  /// Queries that are worth asking; more make a build longer and its numbers hardly better.
  package static let queriesMax = 256
  /// A setting that surely finds this much ends a curve: all greater ones would too.
  private static let enough: Float = 0.998
  /// Settings that are measured between the last that misses a target and the first that reaches it.
  private static let refinements = 2

  /// Answers all queries with one setting; the work is the mean per query.
  package typealias Search = (_ k: Int, _ parameter: UInt32) throws(VecError) -> (results: [[Hit]], work: SearchWork)

  /// The exact answers, of the greatest k.
  private let truth: [[Hit]]
  /// Recalls that curves are measured more finely around.
  private let targets: [Float]
  /// Those that are measured.
  let ks: [Int]

  /// - Parameters:
  ///   - truth: per query the exact answer of the greatest k, which begins with those of all smaller ones.
  ///   - targets: recalls that searches are expected to ask for.
  package init(truth: [[Hit]], targets: [Float]) {
    self.truth = truth
    self.targets = targets
    let longest = truth.map(\.count).max() ?? 0
    ks = longest == 0 ? [] : Self.ks.filter { $0 < longest } + (Self.ks.contains { $0 >= longest } ? [longest] : [])
  }

  /// - Parameters:
  ///   - ks: of those that are measured; nil for all.
  ///   - greatest: parameter: the number of lists of ivf, the longest ef of hnsw.
  ///   - step: told after every setting measured; it may throw to end the build.
  package func curves(
    of index: IndexType, ks: [Int]? = nil, greatest: UInt32, step: () throws(VecError) -> Void, search: Search
  ) throws(VecError) -> [Calibration.Curve] {
    var curves: [Calibration.Curve] = []
    for k in ks ?? self.ks {
      var curve = Calibration.Curve(index: index, k: k, points: [])
      for parameter in Self.grid(from: index == .hnsw ? UInt32(k) : 1, to: greatest) {
        curve.points.append(try point(k, parameter, search))
        try step()
        if let last = curve.points.last, last.surely >= Self.enough { break }
      }
      // What walks find scatters more, and steps finer than that would promise what they do not keep.
      for target in index == .ivf ? targets : [] { try refine(&curve, around: target, step: step, search: search) }
      curves.append(curve)
    }
    return curves
  }

  private func point(_ k: Int, _ parameter: UInt32, _ search: Search) throws(VecError) -> Calibration.Point {
    let (results, work) = try search(k, parameter)
    let (mean, error) = recall(results, k)
    return Calibration.Point(parameter: parameter, recall: mean, surely: max(0, mean - error), work: work)
  }

  /// Halves the step in which a curve reaches a target.
  private func refine(
    _ curve: inout Calibration.Curve, around target: Float, step: () throws(VecError) -> Void, search: Search
  ) throws(VecError) {
    for _ in 0..<Self.refinements {
      guard let place = curve.points.firstIndex(where: { $0.surely >= target }), place > 0 else { return }
      let (below, above) = (curve.points[place - 1].parameter, curve.points[place].parameter)
      guard above - below > 1 else { return }
      curve.points.insert(try point(curve.k, below + (above - below) / 2, search), at: place)
      try step()
    }
  }

  /// Steps of about a quarter, the ends included.
  package static func grid(from first: UInt32, to last: UInt32) -> [UInt32] {
    guard first < last else { return [max(1, last)] }
    var values: [UInt32] = []
    var value = first
    while value < last {
      values.append(value)
      value += max(1, value / 4)
    }
    return values + [last]
  }

  /// The mean share of the true top k, and its standard error. As few queries as there are may all be answered in full by
  /// chance, so the error is never taken for less than that of one wrong result.
  private func recall(_ results: [[Hit]], _ k: Int) -> (mean: Float, error: Float) {
    var sum = 0.0
    var squares = 0.0
    var wanted = 0
    for (found, right) in zip(results, truth) {
      let right = right.prefix(k)
      guard !right.isEmpty else { continue }
      let ids = Set(right.map(\.id))
      let share = Double(found.prefix(k).reduce(0) { $0 + (ids.contains($1.id) ? 1 : 0) }) / Double(right.count)
      sum += share
      squares += share * share
      wanted += right.count
    }
    let count = Double(truth.count)
    guard count > 0, wanted > 0 else { return (1, 0) }
    let mean = sum / count
    let variance = max(0, squares / count - mean * mean)
    return (Float(mean), Float(max((variance / count).squareRoot(), 1 / Double(wanted))))
  }
}
