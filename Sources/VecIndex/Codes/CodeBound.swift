package import VecCore
package import VecKernels

/// What a byte-coded row's score can be at most and at least.
///
/// Let q be the query and x a row (under cosine both divided by their norms), q^ = t p and x^ = s c what their codes
/// stand for, with p and c integers. Then
///
///     q.x - q^.x^ = q.(x - x^) + (q - q^).x^,   so by Cauchy-Schwarz
///     |q.x - q^.x^| <= |q| e + f h,              e >= |x - x^|, h >= |x^| stored per row, f >= |q - q^|,
///
/// and q^.x^ = t s (p.c), where p.c is an exact integer. Kernels give
///
///     upper = t s (p.c) + e E + h F + offset,    E = |q| (1 + 64 u), F = f + 64 u |q|,   u = 2^-24,
///
/// and lower with the bounds taken away. The spare 64 u |q| (e + h) cover every rounding: three in t s (p.c), at most
/// 3 u |q^| |x^|; two in the sum of the bounds; those of joining the two; and that of the canonical score to float32,
/// u |q| |x|. As f <= |q| and |x| <= e + h, they come to less than 24 u |q| (e + h). Underflow is below 2^-120 in all.
///
/// - **ip, cosine**: the score is q.x; offset is 0.
/// - **l2**: the score is -|q - x|^2 = 2 (q.x - |x|^2 / 2) - |q|^2, and the kernel's unit is the parenthesis. The
///   offset is -|x|^2 / 2 raised by 16 u of itself, and `lower` takes 32 u away: the first leaves 15 u |x|^2 / 2 where
///   adding it and rounding the canonical score need 5; of the second, after the 16 u, `lower`'s longer sum needs less
///   than 14. The canonical score also needs u |q|^2; 64 u |q|^2 are allowed.
///
/// - **biases** (ip, cosine): the score is q.x rounded to float32 plus b, rounded; offset is b. Adding it where the kernel
///   does, the two sums that follow, and the last rounding cost at most 4 u (|q.x| + |b|): the first part is within the
///   spare, for the second 16 u of the greatest |b| are allowed on either side.
///
/// A *likely* bound takes a share of e |q| + f h (`Certainty`): by then it is not Cauchy-Schwarz that is relied on but that what
/// coding leaves of a row has no direction in common with the query.
///
/// The same holds for sketches, with 2 h - 15 for c: they share E and F, and h may be the greatest of a block.
package struct CodeBound: Sendable {
  private static let spare = 0x1p-18
  private static let underflow = 0x1p-120

  /// E and F.
  package let errorWeight: Float
  package let lengthWeight: Float
  private let isL2: Bool
  /// |q|^2 under l2, 0 otherwise.
  private let square: Double
  /// What biases may be off by.
  private let biasSlack: Double

  /// - Parameters:
  ///   - queryNorm: of the query as given.
  ///   - greatestBias: not below the magnitude of any row's bias.
  ///   - share: of the bound, see `Certainty`.
  package init(metric: Metric, queryNorm: Double, code: QueryCode, greatestBias: Float = 0, share: Double = 1) {
    let norm = metric == .cosine ? 1 : queryNorm
    errorWeight = Rounded.up(norm * (share + Self.spare))
    lengthWeight = Rounded.up(Double(code.error) * share + norm * Self.spare)
    isL2 = metric == .l2
    square = isL2 ? norm * norm : 0
    biasSlack = Double(greatestBias) * 0x1p-20
  }

  /// The upper bound, in the kernel's unit, that a row needs at least for its canonical score to reach `floor`.
  package func leastUpper(reaching floor: Float) -> Float {
    let value = Double(floor)
    let needed = isL2 ? (value + square * (1 - Self.spare)) / 2 : value
    return Rounded.down(needed - biasSlack - Self.underflow)
  }

  /// A float32 that the canonical score behind a kernel's `lower` is not below.
  package func least(_ lower: Float) -> Float {
    let value = Double(lower)
    return Rounded.down((isL2 ? 2 * value - square * (1 + Self.spare) : value) - biasSlack - 2 * Self.underflow)
  }

  /// A float32 that the canonical score behind a kernel's `upper` is not above.
  package func most(_ upper: Float) -> Float {
    let value = Double(upper)
    return Rounded.up((isL2 ? 2 * value - square * (1 - Self.spare) : value) + biasSlack + 2 * Self.underflow)
  }

  /// The score that a value in the kernel's unit stands for, without any promise.
  package func score(_ value: Float) -> Float { isL2 ? Float(2 * Double(value) - square) : value }
}
