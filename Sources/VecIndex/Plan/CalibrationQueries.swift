package import VecCore
import VecKernels

/// The queries that a build uses: some shape its edges, others, which it has not seen, measure what it finds.
package struct CalibrationQueries: Sendable {
  /// Vectors that a graph may be shaped by; empty without a sample.
  package let shaping: [Float]
  /// Vectors that recall is measured with.
  package let measuring: [Float]
  package let isOfSample: Bool

  /// Samples smaller than this are wholly kept for measuring.
  private static let splitFrom = 60

  /// - Parameters:
  ///   - sample: real queries, or nil; then queries are made from rows.
  ///   - plane: the rows, at least one.
  package init(sample: [Float]?, plane: VectorPlane, metric: Metric, seed: UInt64) {
    let dimension = plane.dimension
    if let sample, !sample.isEmpty {
      let count = sample.count / dimension
      let measured = count < Self.splitFrom ? count : min(Calibrator.queriesMax, count / 3)
      shaping = count < Self.splitFrom ? [] : Array(sample[..<((count - measured) * dimension)])
      measuring = Array(sample[((count - min(measured, Calibrator.queriesMax)) * dimension)...])
      isOfSample = true
    } else {
      shaping = []
      measuring = Self.made(plane, metric, seed)
      isOfSample = false
    }
  }

  /// Sums of four rows: users of several tastes who are near no item in particular, which is harder than rows themselves and
  /// about as hard as users of a two-tower model.
  private static func made(_ plane: VectorPlane, _ metric: Metric, _ seed: UInt64) -> [Float] {
    let dimension = plane.dimension
    var generator = SplitMix64(seed: seed)
    var vectors: [Float] = []
    let row = Scratch<Float>(dimension)
    // Under l2 a sum would leave the cloud, so it is a mean there, and one of two rows is hard already.
    let weights: [Float] = metric == .l2 ? [0.75, 0.25] : [1, 1, 1, 1]
    for _ in 0..<Calibrator.queriesMax {
      var made = [Float](repeating: 0, count: dimension)
      for weight in weights {
        let chosen = Int(generator.next() % UInt64(plane.rowCount))
        ElementCoding.widen(plane.row(chosen), type: plane.elementType, count: dimension, to: row.base)
        for place in made.indices { made[place] += weight * row.base[place] }
      }
      guard (try? QueryCheck.check(made, dimension: dimension, interests: 1, metric: metric)) != nil else { continue }
      vectors += made
    }
    return vectors
  }
}
