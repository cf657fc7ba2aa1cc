import VecCore

/// What decides the lists of an inverted file, besides its rows. Equal parameters and rows give equal bytes, whatever the
/// number of threads.
package struct IVFParameters: Sendable, Equatable {
  /// 1 to `listsMax`; nil for about 4 sqrt(rows).
  package var listCount: Int?
  package var seed: UInt64
  /// Rounds of k-means over the sample, 0 to 100.
  package var iterations: Int
  /// Rows of the sample per list, 1 to 1024.
  package var sampleRowsPerList: Int

  package static let listsMax = 65_536

  package init(listCount: Int? = nil, seed: UInt64 = 1, iterations: Int = 8, sampleRowsPerList: Int = 64) {
    self.listCount = listCount
    self.seed = seed
    self.iterations = iterations
    self.sampleRowsPerList = sampleRowsPerList
  }

  /// Lists for so many rows: never more than there are rows.
  func lists(for rowCount: Int) -> Int {
    let wanted = listCount ?? Int(4 * Double(rowCount).squareRoot())
    return max(1, min(wanted, rowCount, Self.listsMax))
  }

  func check() throws(VecError) {
    if let listCount, !(1...Self.listsMax).contains(listCount) {
      throw VecError(.invalidArgument, "ivf: \(listCount) lists, must be 1 to \(Self.listsMax)")
    }
    guard (0...100).contains(iterations) else {
      throw VecError(.invalidArgument, "ivf: \(iterations) iterations of k-means, must be 0 to 100")
    }
    guard (1...1024).contains(sampleRowsPerList) else {
      throw VecError(.invalidArgument, "ivf: \(sampleRowsPerList) sample rows per list, must be 1 to 1024")
    }
  }
}
