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
  /// Nil for a generation without an index, or without real queries.
  init?(_ engine: Engine, _ collection: Collection, _ generation: Generation) throws(VecError) {
    let target = generation.segments.compactMap { $0.indexes.calibration?.targetRecall }.max()
    guard let target, let real = try engine.realQueries(for: generation, of: collection, most: Self.queriesMax) else {
      return nil
    }
    let wanted = SearchRequest(
      collection: collection.row.name, k: Self.k, dimension: collection.row.dimension, vectors: real.sample.vectors)
    var exact = wanted
    exact.effort = .exact
    let found = try engine.measure(wanted, from: generation, of: collection) { false }
    let truth = try engine.measure(exact, from: generation, of: collection) { false }
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
