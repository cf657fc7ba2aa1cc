/// How surely a scan of codes keeps a row that belongs to the answer.
package enum Certainty: Sendable {
  /// By Cauchy-Schwarz, whatever the vectors are.
  case proven
  /// All but about one in thirty thousand of the rows at the very end of the answer, where vectors are dense: for searches that
  /// aim at a recall, which may miss more than that anyway (docs/decisions/0017-likely-bounds.md).
  case likely

  /// Standard deviations that a likely bound allows for.
  private static let deviations = 4.0

  /// What share of the proven bound is allowed for. The rest x - x^ that coding leaves of a row has about the same length in all
  /// d directions, so q.(x - x^) has a standard deviation of |q| |x - x^| / sqrt(d), which is the bound over sqrt(d).
  func share(dimension: Int) -> Double {
    switch self {
    case .proven: 1
    case .likely: min(1, Self.deviations / Double(max(1, dimension)).squareRoot())
    }
  }
}
