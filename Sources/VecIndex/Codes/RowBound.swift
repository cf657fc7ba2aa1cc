import VecCore

/// How a scan's keys relate to canonical scores: keys are approximate scores where float32 rows were scanned, and upper
/// bounds in the kernel's unit where codes were.
enum RowBound: Sendable {
  case elements(ScoreBound)
  case codes(CodeBound)

  /// The key that a row needs at least for its canonical score to reach `floor`.
  func leastKey(reaching floor: Float) -> Float {
    switch self {
    case .elements(let bound): bound.leastApprox(reaching: floor)
    case .codes(let bound): bound.leastUpper(reaching: floor)
    }
  }

  /// A float32 that the canonical score behind a key is not above.
  func most(_ key: Float) -> Float {
    switch self {
    case .elements(let bound): bound.upper(key)
    case .codes(let bound): bound.most(key)
    }
  }
}
