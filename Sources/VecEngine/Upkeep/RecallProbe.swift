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
    let dimension = collection.row.dimension
    var (hits, total) = (0, 0)
    // One by one, as a recall service asks: for many at once the planner may take another index.
    for start in stride(from: 0, to: real.sample.vectors.count, by: dimension) {
      var request = SearchRequest(
        collection: collection.row.name, k: Self.k, dimension: dimension,
        vectors: Array(real.sample.vectors[start..<(start + dimension)]))
      let found = try engine.measure(request, from: generation, of: collection) { false }
      request.effort = .exact
      let truth = try engine.measure(request, from: generation, of: collection) { false }
      hits += Set(truth.ids).intersection(found.ids).count
      total += truth.ids.count
    }
    queryCount = real.sample.count
    recall = total == 0 ? 1 : Float(hits) / Float(total)
    self.target = target
  }
}
