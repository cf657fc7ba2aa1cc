/// What a search did, for calibration and statistics; summed over its queries.
package struct IVFWork: Sendable, Equatable {
  /// Lists that queries were compared with, each counted once per query.
  package var lists = 0
  /// Rows of these lists, each counted once per query.
  package var rows = 0
  /// Rows that floors of queries whose lists are chosen by a margin were guessed from.
  package var sampled = 0
  /// Queries that were searched a second time, as their floor was guessed too high.
  package var repeated = 0
  /// Canonical scores computed.
  package var settled = 0

  package init() {}

  static func + (left: IVFWork, right: IVFWork) -> IVFWork {
    var sum = left
    sum.lists += right.lists
    sum.rows += right.rows
    sum.sampled += right.sampled
    sum.repeated += right.repeated
    sum.settled += right.settled
    return sum
  }
}
