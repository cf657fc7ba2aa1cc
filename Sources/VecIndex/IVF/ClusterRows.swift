import VecCore
import VecKernels

/// The rows of a segment as clustering sees them: float32 vectors in a space where the nearest centroid is the right one.
///
/// - **l2**: the rows themselves.
/// - **cosine**: rows of length 1.
/// - **ip**: rows with one more component sqrt(M^2 - |x|^2), which makes all of them M long, so that the order of inner
///   products with a query is the order of distances (Bachrach et al., "Speeding up the Xbox recommender system using a
///   Euclidean transformation for inner-product spaces", RecSys 2014). M is the greatest norm, but at most `capOverMean`
///   times the root mean square: one giant row would turn all others into one point.
struct ClusterRows: Sendable {
  static let capOverMean = 4.0

  let count: Int
  /// Components of what `load` gives: the rows' own, and under ip one more.
  let width: Int
  /// Components of the rows.
  let dimension: Int
  /// About the greatest norm of what `load` gives.
  let greatestNorm: Double
  private let metric: Metric
  // Borrowed for the length of the build, which the caller of the builder vouches for; read only.
  nonisolated(unsafe) private let base: UnsafeRawPointer
  private let elementType: ElementType

  init(_ plane: VectorPlane, metric: Metric) {
    base = plane.base
    count = plane.rowCount
    dimension = plane.dimension
    elementType = plane.elementType
    self.metric = metric
    width = metric == .ip ? dimension + 1 : dimension
    switch metric {
    case .cosine: greatestNorm = 1
    case .l2: greatestNorm = Double(plane.greatestNorm)
    case .ip:
      let row = Scratch<Float>(plane.dimension)
      var sum = 0.0
      for number in 0..<plane.rowCount {
        ElementCoding.widen(plane.row(number), type: plane.elementType, count: plane.dimension, to: row.base)
        let norm = CanonicalScore.norm(row.base, dimension: plane.dimension)
        sum += norm * norm
      }
      let mean = (sum / Double(max(1, plane.rowCount))).squareRoot()
      greatestNorm = min(Double(plane.greatestNorm), Self.capOverMean * mean)
    }
  }

  /// One row into `out[width]`.
  func load(_ row: Int, into out: UnsafeMutablePointer<Float>) {
    loadPlain(row, into: out)
    guard metric == .ip else { return }
    let norm = CanonicalScore.norm(out, dimension: dimension)
    out[dimension] = Float(max(0, greatestNorm * greatestNorm - norm * norm).squareRoot())
  }

  /// One row into `out[dimension]`, under cosine with length 1.
  func loadPlain(_ row: Int, into out: UnsafeMutablePointer<Float>) {
    ElementCoding.widen(
      base + row * dimension * elementType.byteCount, type: elementType, count: dimension, to: out)
    guard metric == .cosine else { return }
    let norm = CanonicalScore.norm(out, dimension: dimension)
    guard norm > 0 else { return }
    for at in 0..<dimension { out[at] = Float(Double(out[at]) / norm) }
  }
}
