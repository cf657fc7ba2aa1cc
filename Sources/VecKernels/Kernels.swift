import CVecKernels
package import VecCore

/// The kernels of one CPU tier: float32 scores of queries against blocks of rows, the selection of the good ones, and which
/// numbers of a column lie in a range.
///
/// Scores are "larger is better": the inner product (for cosine the caller scales it), or the negative squared
/// distance. They are approximate: `ScoreBound` of VecIndex says by how much, `CanonicalScore` gives the exact one.
/// Nothing is checked here but the tier: callers vouch for lengths. Pointers may have any alignment, and nothing
/// outside the given lengths is read. A value is a pointer to a constant table, so copies are free and any thread may
/// use them.
package struct Kernels: Sendable {
  package let tier: KernelTier
  /// Queries that one vector register holds side by side.
  package let width: Int
  // The table is a `static const` of the C module: never written, never freed.
  nonisolated(unsafe) private let table: UnsafePointer<vk_kernels>

  /// The fastest kernels of this machine.
  package init() {
    guard let best = Kernels(tier: .best) else { preconditionFailure("the scalar kernels are part of every build") }
    self = best
  }

  /// Nil when this CPU cannot run the tier.
  package init?(tier: KernelTier) {
    guard let table = vk_kernels_for(tier.rawValue) else { return nil }
    self.tier = tier
    self.table = table
    width = Int(table.pointee.width)
  }

  /// One query of `dimension` values against `count` rows that follow each other without a gap: `out[count]`.
  package func score(
    _ metric: Metric, query: UnsafePointer<Float>, rows: UnsafeRawPointer, type: ElementType, count: Int,
    dimension: Int, out: UnsafeMutablePointer<Float>
  ) {
    let kernels = metric == .l2 ? table.pointee.negl2_rows : table.pointee.dot_rows
    let kernel =
      switch type {
      case .f32: kernels.0
      case .f16: kernels.1
      case .bf16: kernels.2
      }
    kernel?(query, rows, count, dimension, out)
  }

  /// A packed group of `vectors * width` queries (`QueryGroup`) against `count` float32 rows: `out[count][lanes]`.
  package func scoreTile(
    _ metric: Metric, packed: UnsafePointer<Float>, vectors: Int, rows: UnsafeRawPointer, count: Int,
    dimension: Int, out: UnsafeMutablePointer<Float>
  ) {
    let kernel = metric == .l2 ? table.pointee.negl2_tile : table.pointee.dot_tile
    kernel?(packed, vectors, rows, count, dimension, out)
  }

  /// `count` stored values as float32; exact.
  package func widen(_ from: UnsafeRawPointer, type: ElementType, count: Int, to: UnsafeMutablePointer<Float>) {
    switch type {
    case .f32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: count * 4)
    case .f16: table.pointee.widen_f16?(from, count, to)
    case .bf16: table.pointee.widen_bf16?(from, count, to)
    }
  }

  /// Writes the positions of `scores[count]` that reach `threshold`, ascending, and returns how many there are.
  /// `out` has room for `count`. NaN never reaches a threshold.
  package func select(
    _ scores: UnsafePointer<Float>, count: Int, threshold: Float, out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    table.pointee.select?(scores, count, threshold, out) ?? 0
  }

  /// The same over `scores[count][lanes]` with a threshold per lane; a position is `row * lanes + lane`.
  package func selectTile(
    _ scores: UnsafePointer<Float>, count: Int, vectors: Int, thresholds: UnsafePointer<Float>,
    out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    table.pointee.select_tile?(scores, count, vectors, thresholds, out) ?? 0
  }

  /// `scores[count][lanes] *= factors[count]`.
  package func scale(
    _ scores: UnsafeMutablePointer<Float>, by factors: UnsafePointer<Float>, count: Int, lanes: Int
  ) {
    table.pointee.scale?(scores, factors, count, lanes)
  }

  /// Which of `count` unsigned numbers lie in `range`: bit i % 64 of `out[i / 64]`, and 0 past the last number.
  ///
  /// - Parameters:
  ///   - width: bytes of a number: 1, 2, 4 or 8. The ends of the range fit it.
  ///   - isAdding: bits that are set stay set.
  package func match(
    _ numbers: UnsafeRawPointer, width: Int, count: Int, in range: ClosedRange<UInt64>, isAdding: Bool = false,
    out: UnsafeMutablePointer<UInt64>
  ) {
    let kernels = table.pointee.column_ranges
    let kernel =
      switch width {
      case 1: kernels.0
      case 2: kernels.1
      case 4: kernels.2
      default: kernels.3
      }
    kernel?(numbers, count, range.lowerBound, range.upperBound - range.lowerBound, isAdding ? .max : 0, out)
  }

  /// The same of numbers from `least` to `greatest`, neither of which is NaN; NaN lies nowhere.
  package func match(
    _ numbers: UnsafePointer<Double>, count: Int, least: Double, greatest: Double, isAdding: Bool = false,
    out: UnsafeMutablePointer<UInt64>
  ) {
    table.pointee.column_floats?(numbers, count, least, greatest, isAdding ? .max : 0, out)
  }
}
