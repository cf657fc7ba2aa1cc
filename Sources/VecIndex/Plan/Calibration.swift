package import VecCore

/// Recall against work of the indexes of one segment, as measured when they were built.
package struct Calibration: Sendable, Equatable {
  /// One setting of an index at one k.
  package struct Point: Sendable, Equatable {
    /// nprobe of ivf, ef of hnsw.
    package var parameter: UInt32
    /// Mean share of the true top k that was found.
    package var recall: Float
    /// The mean less its standard error: what a target is compared with.
    package var surely: Float
    package var work: SearchWork
    /// Of lists that were chosen by a margin: that margin. `parameter` is then how many lists these are on average.
    package var margin: Float?

    package init(parameter: UInt32, recall: Float, surely: Float, work: SearchWork, margin: Float? = nil) {
      self.parameter = parameter
      self.recall = recall
      self.surely = surely
      self.work = work
      self.margin = margin
    }
  }

  /// The points of one index at one k, their parameters ascending.
  package struct Curve: Sendable, Equatable {
    package var index: IndexType
    package var k: Int
    package var points: [Point]

    package init(index: IndexType, k: Int, points: [Point]) {
      self.index = index
      self.k = k
      self.points = points
    }

    /// The first point that surely reaches a recall.
    package func point(reaching recall: Float) -> Point? { points.first { $0.surely >= recall } }

    /// The point that a parameter falls to: the last one that is not above it, or else the first.
    package func point(at parameter: UInt32) -> Point? { points.last { $0.parameter <= parameter } ?? points.first }
  }

  /// What searches that name no target aim at, and what the build was asked to reach.
  package var targetRecall: Float
  /// Queries measured.
  package var queryCount: Int
  /// Whether they were real ones; else they were made from stored rows.
  package var isOfSample: Bool
  /// In the order of index type and k: of lists that are counted, and of walks.
  package var curves: [Curve]
  /// In the order of k: of lists that are chosen by a margin. There is none for a k that leaves too few rows to guess a floor.
  package var marginCurves: [Curve]

  package init(
    targetRecall: Float, queryCount: Int, isOfSample: Bool, curves: [Curve], marginCurves: [Curve] = []
  ) {
    self.targetRecall = targetRecall
    self.queryCount = queryCount
    self.isOfSample = isOfSample
    self.curves = curves
    self.marginCurves = marginCurves
  }

  package func curve(_ index: IndexType, k: Int) -> Curve? { curves.first { $0.index == index && $0.k == k } }

  /// The ks measured for an index, ascending.
  package func ks(_ index: IndexType) -> [Int] { curves.filter { $0.index == index }.map(\.k) }
}
