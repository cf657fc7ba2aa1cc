package import VecCore

/// How far below a query's floor a list may score and still be looked at.
///
/// The floor is a score that about k rows reach, and a list's score is about that of its best row (`RankedCentroids`). So the
/// difference says of a list whether it may hold results, for queries near many rows and far from all alike, where the place
/// in the order of lists does not. It is taken in the unit of rows: of query length 1 under ip, and as a distance under l2,
/// so that one margin means the same to every query.
package enum ListMargin {
  /// The least score of a list within the margin, which is not above 0 and reaches as far below the floor.
  /// - Parameter norm: the greatest of the query's vectors.
  package static func threshold(floor: Float, margin: Float, norm: Float, metric: Metric) -> Float {
    guard metric == .l2 else { return floor + margin * norm }
    let distance = max(0, -floor).squareRoot() - margin
    return -distance * distance
  }

  /// The margin within which a list is, of a query of one vector.
  package static func margin(of score: Float, floor: Float, norm: Float, metric: Metric) -> Float {
    guard metric == .l2 else { return norm > 0 ? (score - floor) / norm : 0 }
    return max(0, -floor).squareRoot() - max(0, -score).squareRoot()
  }
}
