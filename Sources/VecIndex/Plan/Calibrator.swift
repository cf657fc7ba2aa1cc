package import VecCore

/// Measures recall against work: asks an index the same queries with setting after setting and compares with the truth.
package struct Calibrator {
  /// The k that curves are measured for, as far as there are so many rows.
  package static let ks = [10, 100, 500, 1000]
  /// Queries that are worth asking; more make a build longer and its numbers hardly better.
  package static let queriesMax = 256
  /// A setting that surely finds this much ends a curve: all greater ones would too.
  private static let enough: Float = 0.998

  /// Answers all queries with one setting; the work is the mean per query.
  package typealias Search = (_ k: Int, _ parameter: UInt32) throws(VecError) -> (results: [[Hit]], work: SearchWork)

  /// The exact answers, of the greatest k.
  private let truth: [[Hit]]
  private let ks: [Int]

  /// - Parameter truth: per query the exact answer of the greatest k, which begins with those of all smaller ones.
  package init(truth: [[Hit]]) {
    self.truth = truth
    let longest = truth.map(\.count).max() ?? 0
    ks = longest == 0 ? [] : Self.ks.filter { $0 < longest } + (Self.ks.contains { $0 >= longest } ? [longest] : [])
  }

  /// - Parameters:
  ///   - greatest: parameter: the number of lists of ivf, the longest ef of hnsw.
  ///   - step: told after every setting measured; it may throw to end the build.
  package func curves(
    of index: IndexType, greatest: UInt32, step: () throws(VecError) -> Void, search: Search
  ) throws(VecError) -> [Calibration.Curve] {
    var curves: [Calibration.Curve] = []
    for k in ks {
      var curve = Calibration.Curve(index: index, k: k, points: [])
      for parameter in Self.grid(from: index == .hnsw ? UInt32(k) : 1, to: greatest) {
        let (results, work) = try search(k, parameter)
        let (mean, error) = recall(results, k)
        curve.points.append(
          .init(parameter: parameter, recall: mean, surely: max(0, mean - error), work: work))
        try step()
        if mean - error >= Self.enough { break }
      }
      curves.append(curve)
    }
    return curves
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
