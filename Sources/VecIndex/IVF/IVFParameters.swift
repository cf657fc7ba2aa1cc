import VecCore

/// How lists are made. The same rows, parameters and seed give the same lists on every CPU and with any number of workers.
package struct IVFParameters: Sendable, Equatable {
  package static let listsMax = 65_536

  /// Lists asked for, 1 to `listsMax`; nil for `defaultLists`. Lists that would be empty are left out.
  package var lists: Int?
  /// Rounds of k-means, 0 or more.
  package var iterations = 8
  /// Rows per list that k-means looks at, 1 or more; the final assignment looks at all.
  package var samplePerList = 128
  package var seed: UInt64 = 1

  package init() {}

  /// For rows that are only to be put near others like them, because a graph is walked faster so, and whose lists are not
  /// kept: fewer, longer lists, about sqrt(n) / 2, do as well (docs/decisions/0004-hnsw.md).
  package static func ordering(rowCount: Int) -> IVFParameters {
    var parameters = IVFParameters()
    parameters.lists = max(1, defaultLists(rowCount: rowCount) / 8)
    return parameters
  }

  /// About 4 sqrt(n), as many as there are rows at most.
  package static func defaultLists(rowCount: Int) -> Int {
    max(1, min(rowCount, listsMax, Int(4 * Double(rowCount).squareRoot())))
  }

  func listCount(_ rowCount: Int) -> Int { min(rowCount, lists ?? Self.defaultLists(rowCount: rowCount)) }

  func check() throws(VecError) {
    guard (1...Self.listsMax).contains(lists ?? 1), (0...1_000).contains(iterations),
      (1...65_536).contains(samplePerList)
    else {
      throw VecError(
        .invalidArgument,
        "ivf: \(lists ?? 1) lists, \(iterations) iterations, \(samplePerList) rows per list; allowed are "
          + "1 to \(Self.listsMax), 0 to 1000 and 1 to 65536")
    }
  }
}
