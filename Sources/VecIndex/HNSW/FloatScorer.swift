import VecCore
import VecKernels

/// Scores from the exact vectors of a segment, float32 arithmetic: the reference that code planes are held against. Four
/// times the memory traffic of one code per dimension.
struct FloatScorer: RowScorer, @unchecked Sendable {
  // A prepared query: [0] 1 / norm of a row under cosine, then from here the values.
  private static let header = 16

  private let kernels: Kernels
  private let metric: Metric
  private let plane: VectorPlane
  private let base: UnsafeRawPointer
  private let type: ElementType
  private let dimension: Int
  private let stride: Int
  /// Under cosine, 1 / norm per row.
  private let inverseNorms: UnsafePointer<Float>?
  /// Per row, where edges prefer long rows.
  private let handicaps: HotArray<Float>
  let rowCount: Int
  let queryByteCount: Int

  /// - Parameters:
  ///   - plane: outlives the scorer; under cosine it has inverse norms.
  ///   - normWeight: how much edges prefer long rows, 0 to 1. See `RowScorer`.
  init(kernels: Kernels, metric: Metric, plane: VectorPlane, normWeight: Float) {
    self.kernels = kernels
    self.metric = metric
    self.plane = plane
    base = plane.base
    type = plane.elementType
    dimension = plane.dimension
    stride = plane.dimension * plane.elementType.byteCount
    rowCount = plane.rowCount
    queryByteCount = (Self.header + plane.dimension + 15) / 16 * 64
    inverseNorms = metric == .cosine ? plane.inverseNorms : nil
    handicaps = HotArray(normWeight > 0 ? plane.rowCount : 0, repeating: 0)
    if handicaps.count > 0 { fillHandicaps(Double(normWeight)) }
  }

  private func fillHandicaps(_ weight: Double) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { values in
      guard let row = values.baseAddress else { return }
      for number in 0..<rowCount {
        ElementCoding.widen(base + number * stride, type: type, count: dimension, to: row)
        let norm = CanonicalScore.norm(row, dimension: dimension)
        handicaps.base[number] = Float(-weight * norm * norm)
      }
    }
  }

  func prepare(_ vector: UnsafePointer<Float>, into query: UnsafeMutableRawPointer) {
    let values = query.assumingMemoryBound(to: Float.self)
    (values + Self.header).update(from: vector, count: dimension)
    guard metric == .cosine else { return }
    let norm = CanonicalScore.norm(vector, dimension: dimension)
    for at in Self.header..<(Self.header + dimension) { values[at] = Float(Double(values[at]) / norm) }
  }

  func prepare(row: UInt32, into query: UnsafeMutableRawPointer) {
    let values = query.assumingMemoryBound(to: Float.self)
    kernels.widen(base + Int(row) * stride, type: type, count: dimension, to: values + Self.header)
    values[0] = inverseNorms?[Int(row)] ?? 0
  }

  @inline(__always)
  func score(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    raw(metric, query, rows, count, out)
    guard let inverseNorms else { return }
    for index in 0..<count { out[index] *= inverseNorms[Int(rows[index])] }
  }

  @inline(__always)
  func distance(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let own = query.assumingMemoryBound(to: Float.self)[0]
    raw(metric == .cosine ? .ip : .l2, query, rows, count, out)
    if let inverseNorms {
      for index in 0..<count { out[index] = max(0, 2 - 2 * out[index] * own * inverseNorms[Int(rows[index])]) }
    } else {
      for index in 0..<count { out[index] = -out[index] }
    }
  }

  @inline(__always)
  func handicap(_ row: UInt32) -> Float { handicaps.count > 0 ? handicaps.base[Int(row)] : 0 }

  @inline(__always)
  private func raw(
    _ measure: Metric, _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int,
    _ out: UnsafeMutablePointer<Float>
  ) {
    let values = query.assumingMemoryBound(to: Float.self) + Self.header
    for index in 0..<count {
      kernels.score(
        measure, query: values, rows: base + Int(rows[index]) * stride, type: type, count: 1, dimension: dimension,
        out: out + index)
    }
  }

  @inline(__always)
  func prefetch(_ row: UInt32) {
    let start = base + Int(row) * stride
    for line in Swift.stride(from: 0, to: min(stride, 512), by: 64) { VecKernels.prefetch(start + line) }
  }

  func hash(_ row: UInt32) -> UInt64 { plane.hash(row) }
  func isSame(_ a: UInt32, _ b: UInt32) -> Bool { plane.isSame(a, b) }
}
