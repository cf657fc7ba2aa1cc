/// What searches did, counted where it is done: the same on every machine, so that a calibration has the same bytes
/// wherever it is made. Rows, as means per query.
package struct SearchWork: Sendable, Equatable {
  /// Rows and centroids whose codes were read from the first to the last, and samples of them.
  package var scanned: Double
  /// Rows whose codes were read list by list.
  package var listed: Double
  /// Rows whose codes were fetched one by one.
  package var visited: Double
  /// Rows that have to be scored exactly.
  package var settled: Double

  package init(scanned: Double = 0, listed: Double = 0, visited: Double = 0, settled: Double = 0) {
    self.scanned = scanned
    self.listed = listed
    self.visited = visited
    self.settled = settled
  }

  /// Rows and centroids whose codes were read in order.
  var read: Double { scanned + listed }

  package static func + (left: SearchWork, right: SearchWork) -> SearchWork {
    SearchWork(
      scanned: left.scanned + right.scanned, listed: left.listed + right.listed, visited: left.visited + right.visited,
      settled: left.settled + right.settled)
  }

  package static func * (work: SearchWork, factor: Double) -> SearchWork {
    SearchWork(
      scanned: work.scanned * factor, listed: work.listed * factor, visited: work.visited * factor,
      settled: work.settled * factor)
  }
}
