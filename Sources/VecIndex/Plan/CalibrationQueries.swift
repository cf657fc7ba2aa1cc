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

  /// Rows with half of another row added: users of some taste who are near no item in particular, which is harder than
  /// rows themselves and about as hard as users of a two-tower model.
  private static func made(_ plane: VectorPlane, _ metric: Metric, _ seed: UInt64) -> [Float] {
    let dimension = plane.dimension
    var generator = SplitMix64(seed: seed)
    var vectors: [Float] = []
    let row = Scratch<Float>(dimension)
    let other = Scratch<Float>(dimension)
    // Under l2 a sum would leave the cloud, so it is a mean there.
    let (near, far): (Float, Float) = metric == .l2 ? (0.75, 0.25) : (1, 0.5)
    for _ in 0..<Calibrator.queriesMax {
      let first = Int(generator.next() % UInt64(plane.rowCount))
      let second = Int(generator.next() % UInt64(plane.rowCount))
      ElementCoding.widen(plane.row(first), type: plane.elementType, count: dimension, to: row.base)
      ElementCoding.widen(plane.row(second), type: plane.elementType, count: dimension, to: other.base)
      let made = (0..<dimension).map { near * row.base[$0] + far * other.base[$0] }
      guard (try? QueryCheck.check(made, dimension: dimension, interests: 1, metric: metric)) != nil else { continue }
      vectors += made
    }
    return vectors
  }
}
