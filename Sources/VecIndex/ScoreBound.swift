package import VecCore

/// How far a kernel's float32 score a can lie from the canonical score s: |a - s| <= relative * |a| + absolute.
///
/// With u = 2^-24, d the dimension, q the query, x a row, G the plane's greatest norm. A float32 operation is exact
/// up to a factor 1 + e, |e| <= u, or, where the result is subnormal, up to 2^-150 absolutely. To first order:
///
/// - **ip**: a term passes at most d + 1 roundings (product, then sums), so |a - q.x| <= (d + 1) u sum|q_i x_i|, and by
///   Cauchy-Schwarz <= (d + 1) u |q| G. Rounding s to float32 adds u |q| G.
/// - **cosine**: the scan uses q/|q| rounded (u) and the stored inverse norm (u), multiplies by it (u), and both
///   vectors have norm 1: (d + 1 + 3 + 1) u. An underflow is scaled by an inverse norm of at most 1e30.
/// - **l2**: the difference of two floats is rounded once, relative to itself (underflow cannot hurt it), which counts
///   twice in the square; then d + 1 roundings of terms that all have one sign, so the error is relative to the sum:
///   (d + 1 + 2 + 1) u |a|.
/// - **underflow**: at most 2^-150 per operation, 2 d + 2 operations.
///
/// Second-order terms, the double arithmetic of s (d 2^-53) and that of this file are below a thousandth of the first
/// order for d <= 4096; the factor `safety` and two spare units of u per term cover them.
package struct ScoreBound: Sendable {
  package let relative: Double
  package let absolute: Double

  private static let unit = 0x1p-24
  private static let safety = 1.02
  private static let underflow = 0x1p-149

  package init(metric: Metric, dimension: Int, queryNorm: Double, greatestNorm: Double) {
    let d = Double(dimension)
    let least = (d + 2) * Self.underflow
    switch metric {
    case .ip:
      relative = 0
      absolute = (d + 4) * Self.unit * Self.safety * queryNorm * greatestNorm + least
    case .cosine:
      relative = 0
      absolute = (d + 7) * Self.unit * Self.safety + least / Limits.cosineNormMin
    case .l2:
      relative = (d + 6) * Self.unit * Self.safety
      absolute = least
    }
  }

  /// A float32 that the canonical score behind `approx` is not below. Monotone in `approx`.
  package func lower(_ approx: Float) -> Float {
    let value = Double(approx)
    return Rounded.down(value - (relative * abs(value) + absolute))
  }

  /// A float32 that the canonical score behind `approx` is not above. Monotone in `approx`.
  package func upper(_ approx: Float) -> Float {
    let value = Double(approx)
    return Rounded.up(value + (relative * abs(value) + absolute))
  }

  /// The approximate score that a row needs at least for its canonical score to reach `floor`.
  package func leastApprox(reaching floor: Float) -> Float {
    let rest = Double(floor) - absolute
    return Rounded.down(rest >= 0 ? rest / (1 + relative) : rest / (1 - relative))
  }
}
