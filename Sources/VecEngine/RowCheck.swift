import VecCore
import VecKernels

/// What every vector must be that comes in from outside, in bulk or one by one.
enum RowCheck {
  /// - Parameter before: rows of the same request that were checked before, for the message.
  /// - Throws: `value-not-finite`, `norm-out-of-range`.
  static func check(
    _ inspection: RowInspection, rows: UnsafeBufferPointer<Float>, dimension: Int, metric: Metric, before: Int
  ) throws(VecError) {
    if let place = inspection.notFinite {
      let value = rows[place.row * dimension + place.component]
      throw VecError(
        .valueNotFinite,
        "row \(before + place.row), component \(place.component) is \(value): every value must be a finite number")
    }
    for (row, norm) in inspection.norms.enumerated() {
      if norm > Limits.normMax {
        throw VecError(
          .normOutOfRange,
          "row \(before + row) has norm \(norm): at most \(Limits.normMax), longer vectors have no float32 scores")
      }
      if metric == .cosine, norm < Limits.cosineNormMin {
        throw VecError(
          .normOutOfRange,
          "row \(before + row) has norm \(norm): under cosine a vector needs a direction, so a norm of at least "
            + "\(Limits.cosineNormMin); leave such rows out or use metric ip")
      }
    }
  }
}
