import Glibc
package import VecCore
package import VecKernels

/// What work costs on one kind of CPU, to compare one index with another. The weights were fitted to measured times
/// (docs/decisions/0006-planner.md); only their ratios matter, and a wrong one costs time, never recall.
package struct CostModel: Sendable {
  /// Queries of one request from which on a row that was read serves several of them.
  static let batchQueries = 16

  /// Nanoseconds, of one way to search.
  private struct Weights {
    /// Of a row whose code is read in order, and of one that is fetched by itself.
    var row = 0.0
    var byteOfRow = 0.0
    /// Of a row that is nearer than all but a few of those before it, so that more of it is looked at. Of n rows in no order
    /// about k (1 + ln(n / k)) are among the best k so far when they are met.
    var candidate = 0.0
    var valueOfCandidate = 0.0
    /// Of a row that is scored exactly at last.
    var result = 0.0
    var valueOfResult = 0.0
  }

  private let flat: (single: Weights, batch: Weights)
  private let ivf: (single: Weights, batch: Weights)
  private let hnsw: Weights
  /// Of a byte of a centroid, and of a row that a scan fetches by itself because few may be returned.
  private let byteOfCentroid: Double
  private let byteFetched: Double

  package init(within tier: KernelTier) { self.init(CodeTier.best(within: tier)) }

  package init(_ tier: CodeTier) {
    if tier == .avx512VNNI {
      flat = (Weights(byteOfRow: 1 / 75, valueOfResult: 5.5), Weights(byteOfRow: 1 / 150, valueOfResult: 2.7))
      ivf = (
        Weights(row: 2, byteOfRow: 1 / 60, valueOfResult: 2), Weights(row: 1, byteOfRow: 1 / 128, valueOfResult: 1.5)
      )
      hnsw = Weights(byteOfRow: 0.37, valueOfResult: 1.2)
      (byteOfCentroid, byteFetched) = (1 / 9, 0.37)
    } else {
      // Measured with AVX2. Of the others it is known that they have no product of bytes that wide either.
      flat = (
        Weights(byteOfRow: 1.54 / 64, candidate: 18, valueOfCandidate: 21 / 64),
        Weights(byteOfRow: 0.82 / 64, candidate: 24, valueOfCandidate: 13 / 64)
      )
      ivf = (
        Weights(row: 4.3, candidate: 4.2, valueOfCandidate: 40 / 64),
        Weights(row: 1.7, byteOfRow: 0.09 / 64, candidate: 21, valueOfCandidate: 21 / 64)
      )
      hnsw = Weights(row: 18, byteOfRow: 11 / 64, result: 50, valueOfResult: 71 / 64)
      (byteOfCentroid, byteFetched) = (7.8 / 64, 9.0 / 64)
    }
  }

  /// About the nanoseconds of one core per query.
  /// - Parameters:
  ///   - stride: bytes of a row's code.
  ///   - queryCount: queries that travel together.
  package func nanoseconds(
    _ work: SearchWork, of index: IndexType, stride: Int, dimension: Int, queryCount: Int
  ) -> Double {
    let isBatch = queryCount >= Self.batchQueries
    let (bytes, values) = (Double(stride), Double(dimension))
    let weights: Weights
    var cost = 0.0
    var rows = 0.0
    switch index {
    case .flat:
      (weights, rows) = (isBatch ? flat.batch : flat.single, work.scanned)
      cost = work.visited * bytes * byteFetched
    case .ivf:
      // What is scanned are centroids, query by query.
      (weights, rows) = (isBatch ? ivf.batch : ivf.single, work.listed)
      cost = work.scanned * bytes * byteOfCentroid
    case .hnsw: (weights, rows) = (hnsw, work.visited)
    }
    let met = max(rows, work.visited)
    let candidates = work.settled > 0 ? work.settled * (1 + log(max(1, met / work.settled))) : 0
    cost += rows * (weights.row + bytes * weights.byteOfRow)
    cost += candidates * (weights.candidate + values * weights.valueOfCandidate)
    return cost + work.settled * (weights.result + values * weights.valueOfResult)
  }
}
