import VecCore
import VecIndex

/// Into how many segments a build cuts the rows of a generation.
///
/// One, as long as building it takes no more than half of the memory budget: the other half is for the generation that
/// answers meanwhile. Equal settings cut equal rows alike, whatever else the daemon is doing.
struct SegmentCut: Equatable {
  /// Rows of each segment, in the order of the generation's rows.
  let ranges: [Range<Int>]

  /// - Parameters:
  ///   - rowsMax: rows per segment at most; nil leaves it to the budget.
  ///   - rowBytes: memory that building takes per row.
  /// - Throws: `limit-exceeded` when the budget has no room for a useful segment.
  init(rowCount: Int, rowsMax: Int?, rowBytes: Int, memoryBudget: Int) throws(VecError) {
    let fitting = memoryBudget / 2 / max(1, rowBytes)
    guard fitting >= min(rowCount, Self.usefulRows) else {
      throw VecError(
        .limitExceeded,
        "a build takes \(rowBytes) bytes of memory per row and may use half of \(memoryBudget) bytes, which is "
          + "\(fitting) rows; give vecd a --memory-budget for at least \(min(rowCount, Self.usefulRows))")
    }
    let most = min(fitting, rowsMax ?? Limits.segmentRowsMax, Limits.segmentRowsMax)
    let count = max(1, (rowCount + most - 1) / most)
    ranges = (0..<count).map { $0 * rowCount / count..<($0 + 1) * rowCount / count }
  }

  private static let usefulRows = 10_000
}
