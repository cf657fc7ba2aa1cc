/// What searches did, counted where it is done: the same on every machine, so that a calibration has the same bytes
/// wherever it is made. Rows, as means per query.
package struct SearchWork: Sendable, Equatable {
  /// Rows and centroids whose codes were read in the order of memory.
  package var scanned: Double
  /// Rows whose codes were fetched one by one.
  package var visited: Double
  /// Rows that have to be scored exactly.
  package var settled: Double

  package init(scanned: Double = 0, visited: Double = 0, settled: Double = 0) {
    self.scanned = scanned
    self.visited = visited
    self.settled = settled
  }

  package static func + (left: SearchWork, right: SearchWork) -> SearchWork {
    SearchWork(
      scanned: left.scanned + right.scanned, visited: left.visited + right.visited,
      settled: left.settled + right.settled)
  }

  package static func / (work: SearchWork, count: Double) -> SearchWork {
    SearchWork(scanned: work.scanned / count, visited: work.visited / count, settled: work.settled / count)
  }
}

/// What work costs, to compare one index with another. The weights are ratios measured on one CPU
/// (docs/decisions/0006-planner.md); only their order of size matters.
package enum CostModel {
  /// Queries of one request from which on scans are paced by arithmetic instead of memory.
  static let batchQueries = 16

  /// About the nanoseconds of one core per query.
  /// - Parameters:
  ///   - stride: bytes of a row's code.
  ///   - queryCount: queries that travel together.
  package static func nanoseconds(_ work: SearchWork, stride: Int, dimension: Int, queryCount: Int) -> Double {
    let bytes = Double(stride)
    // A scan of one query waits for memory; in a batch each row is read once for many queries.
    let scanned = queryCount >= batchQueries ? bytes / 160 + 0.15 : bytes / 16 + 0.5
    let visited = 12 + bytes / 10
    let settled = 40 + Double(dimension) / 2
    return work.scanned * scanned + work.visited * visited + work.settled * settled
  }
}
