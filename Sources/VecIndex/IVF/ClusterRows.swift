import VecCore
import VecKernels

/// The rows of a segment as clustering sees them: float32, and of length 1 under cosine.
///
/// Clustering happens in plain Euclidean geometry for every metric (for the inner product as in ScaNN: lists by distance,
/// routing by the score). Under cosine rows and centroids have length 1, which makes it spherical k-means.
struct ClusterRows: Sendable {
  let count: Int
  let dimension: Int
  let isSpherical: Bool
  // Borrowed for the length of the build, which the caller of the builder vouches for; read only.
  nonisolated(unsafe) private let base: UnsafeRawPointer
  private let elementType: ElementType

  init(_ plane: VectorPlane, metric: Metric) {
    base = plane.base
    count = plane.rowCount
    dimension = plane.dimension
    elementType = plane.elementType
    isSpherical = metric == .cosine
  }

  /// One row into `out[dimension]`.
  func load(_ row: Int, into out: UnsafeMutablePointer<Float>) {
    ElementCoding.widen(base + row * dimension * elementType.byteCount, type: elementType, count: dimension, to: out)
    if isSpherical { Self.normalise(out, dimension) }
  }

  /// Scales a vector to length 1. A vector without a direction stays as it is.
  static func normalise(_ values: UnsafeMutablePointer<Float>, _ dimension: Int) {
    let norm = CanonicalScore.norm(values, dimension: dimension)
    guard norm > 0 else { return }
    for at in 0..<dimension { values[at] = Float(Double(values[at]) / norm) }
  }
}
