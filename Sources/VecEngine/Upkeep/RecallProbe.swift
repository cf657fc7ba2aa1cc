import VecCore
import VecIndex
import VecManifest

/// How well the index of a generation does now, measured with real queries where it was built with some: searches at the
/// generation's own target against exact ones.
struct RecallProbe: Sendable, Equatable {
  var recall: Float
  var target: Float
  var queryCount: Int
  /// What the index reached right after upkeep built it: no better is to be had of it.
  var best: Float?

  private static let queriesMax = 64
  private static let k = 100
}

extension RecallProbe {
  /// Nil for a generation without an index, or without the queries it was built with.
  init?(_ engine: Engine, _ collection: CollectionRow, _ generation: Generation) throws(VecError) {
    let target = generation.segments.compactMap { $0.indexes.calibration?.targetRecall }.max()
    let sample = try engine.withWriter { (writer) throws(VecError) in
      try writer.manifest.sample(of: generation.row.number, dimension: collection.dimension)
    }
    guard let target, let sample else { return nil }
    // The latest ones: what a build measures with, and does not shape its graph by.
    let queries = Array(sample.suffix(Self.queriesMax * collection.dimension))
    let wanted = SearchRequest(
      collection: collection.name, generation: generation.row.label, k: Self.k, dimension: collection.dimension,
      vectors: queries)
    var exact = wanted
    exact.effort = .exact
    let found = try engine.search(wanted) { false }
    let truth = try engine.search(exact) { false }
    var (from, at, hits) = (0, 0, 0)
    for (count, right) in zip(found.resultCounts, truth.resultCounts) {
      hits += Set(truth.ids[at..<(at + Int(right))]).intersection(found.ids[from..<(from + Int(count))]).count
      (from, at) = (from + Int(count), at + Int(right))
    }
    queryCount = found.resultCounts.count
    recall = truth.ids.isEmpty ? 1 : Float(hits) / Float(truth.ids.count)
    self.target = target
  }
}
