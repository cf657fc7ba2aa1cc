package import VecCore

/// What searches did, counted where it is done: the same on every machine, so that a calibration has the same bytes
/// wherever it is made. Rows, as means per query.
package struct SearchWork: Sendable, Equatable {
  /// Rows and centroids whose codes were read from the first to the last.
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

/// What work costs, to compare one index with another. The weights were measured on one CPU
/// (docs/decisions/0006-planner.md); only their ratios matter.
package enum CostModel {
  /// Queries of one request from which on a row that was read serves several of them.
  static let batchQueries = 16

  /// About the nanoseconds of one core per query.
  /// - Parameters:
  ///   - stride: bytes of a row's code.
  ///   - queryCount: queries that travel together.
  package static func nanoseconds(
    _ work: SearchWork, of index: IndexType, stride: Int, dimension: Int, queryCount: Int
  ) -> Double {
    let bytes = Double(stride)
    let isBatch = queryCount >= batchQueries
    // What ivf scans are centroids, query by query.
    let scanned = index == .ivf ? bytes / 9 : isBatch ? bytes / 150 : bytes / 75
    let listed = isBatch ? bytes / 128 + 1 : bytes / 60 + 2
    let visited = bytes * 0.37
    let perDimension =
      switch index {
      case .flat: isBatch ? 2.7 : 5.5
      case .ivf: isBatch ? 1.5 : 2
      case .hnsw: 1.2
      }
    let settled = work.settled * perDimension * Double(dimension)
    return work.scanned * scanned + work.listed * listed + work.visited * visited + settled
  }
}
