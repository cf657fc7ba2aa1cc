package import VecCore
import VecKernels

/// The rules for query vectors, checked once where a request comes in. What passes cannot overflow float32 scores.
package enum QueryCheck {
  /// - Parameter vectors: query after query, interest after interest, `dimension` values each.
  /// - Throws: `dimension-mismatch` when `vectors` is no whole number of queries, `value-not-finite` and
  ///   `norm-out-of-range` naming query, interest and component, counted from 0.
  package static func check(
    _ vectors: [Float], dimension: Int, interests: Int, metric: Metric
  ) throws(VecError) {
    try Limits.check(dimension, 1...Limits.dimensionMax, "the dimension of queries")
    try Limits.check(interests, 1...Limits.interestsMax, "the number of interests per query")
    guard !vectors.isEmpty, vectors.count % (dimension * interests) == 0 else {
      throw VecError(
        .dimensionMismatch,
        "\(vectors.count) query values are not a whole number of queries of \(interests) x \(dimension)")
    }
    let found = vectors.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: dimension) }
    if let place = found.notFinite {
      let value = vectors[place.row * dimension + place.component]
      throw VecError(
        .valueNotFinite,
        "\(name(place.row, interests)), component \(place.component) is \(value); every value must be finite")
    }
    for (vector, norm) in found.norms.enumerated() { try check(norm, vector, interests, metric) }
  }

  private static func check(_ norm: Double, _ vector: Int, _ interests: Int, _ metric: Metric) throws(VecError) {
    if norm > Limits.normMax {
      throw VecError(
        .normOutOfRange, "\(name(vector, interests)) has norm \(norm), at most \(Limits.normMax) is allowed")
    }
    if metric == .cosine, norm < Limits.cosineNormMin {
      throw VecError(
        .normOutOfRange,
        "\(name(vector, interests)) has norm \(norm), at least \(Limits.cosineNormMin) is needed under cosine")
    }
  }

  private static func name(_ vector: Int, _ interests: Int) -> String {
    "query \(vector / interests), interest \(vector % interests)"
  }
}
