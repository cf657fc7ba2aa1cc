import VecCore
import VecKernels

/// Centroids as the small flat index that they are: exact, so assignment and routing are the same on every CPU, in every
/// batch and for every number of threads.
///
/// Ids of its hits are the numbers of lists.
package final class CentroidIndex: Sendable {
  package let count: Int
  package let dimension: Int
  private let kernels: Kernels
  private let metric: Metric
  private let greatestNorm: Float
  private let coded: CodedRows
  // Written by init only.
  nonisolated(unsafe) private let values: UnsafeMutablePointer<Float>
  nonisolated(unsafe) private let numbers: UnsafeMutablePointer<UInt64>
  nonisolated(unsafe) private let inverseNorms: UnsafeMutablePointer<Float>

  /// - Parameters:
  ///   - centroids: one after the other, `dimension` finite values each, at least one; their norms at most
  ///     `Limits.normMax`.
  ///   - metric: that hits are ranked by.
  init(_ centroids: [Float], dimension: Int, metric: Metric, kernels: Kernels) throws(VecError) {
    count = centroids.count / dimension
    self.dimension = dimension
    self.kernels = kernels
    self.metric = metric
    values = .allocate(capacity: centroids.count)
    values.initialize(from: centroids, count: centroids.count)
    numbers = .allocate(capacity: count)
    inverseNorms = .allocate(capacity: count)
    var greatest = 0.0
    for list in 0..<count {
      let norm = CanonicalScore.norm(values + list * dimension, dimension: dimension)
      greatest = max(greatest, norm)
      numbers[list] = UInt64(list)
      inverseNorms[list] = norm > 1e-30 ? Float(1 / norm) : 1
    }
    greatestNorm = Rounded.up(greatest)
    let bare = VectorPlane(
      base: values, rowCount: count, dimension: dimension, elementType: .f32, ids: numbers, inverseNorms: inverseNorms,
      greatestNorm: greatestNorm)
    coded = try CodedRows(bare, metric: metric, sketched: false)
  }

  deinit {
    values.deallocate()
    numbers.deallocate()
    inverseNorms.deallocate()
  }

  package var centroids: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: values, count: count * dimension) }

  /// The best `k` lists of each vector, best first, equal ones by their numbers.
  func nearest(
    _ vectors: UnsafeBufferPointer<Float>, k: Int, shouldStop: () -> Bool = { false }
  ) throws(VecError) -> [[Hit]] {
    let plane = VectorPlane(
      base: values, rowCount: count, dimension: dimension, elementType: .f32, ids: numbers, inverseNorms: inverseNorms,
      greatestNorm: greatestNorm, codes: coded.plane)
    return try FlatIndex(kernels: kernels, metric: metric).search(
      queries: vectors, dimension: dimension, interests: 1, k: k, planes: [plane], shouldStop: shouldStop)
  }
}
