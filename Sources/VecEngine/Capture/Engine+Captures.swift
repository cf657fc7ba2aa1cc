import Synchronization
package import VecCore
import VecManifest

/// Where queries that something is measured with come from.
enum QuerySource: String {
  /// Given with the request.
  case given
  case captured
  /// Those that the index was built with.
  case sample
}

extension Collection {
  /// Fewer captured queries than that say too little.
  private static let capturedLeast = 64

  /// The latest captured queries of a generation's model version; nil when there are too few to measure with.
  func capturedSample(for generation: Generation, most: Int = Limits.sampleQueriesKept) -> QuerySample? {
    let sample = reservoir.queries(of: generation.row.model, dimension: row.dimension, most: most)
    return sample.count >= Self.capturedLeast ? sample : nil
  }
}

// Captured queries: kept over a restart, and asked by builds, probes and publishes.
extension Engine {
  /// The captured queries of a generation's model version, oldest first.
  package func capturedQueries(_ name: String, generation label: String?) throws(VecError) -> QuerySample {
    let collection = try collection(name)
    let generation =
      if let label { try collection.requireGeneration(label) } else { try collection.readable(nil) }
    return collection.reservoir.queries(of: generation.row.model, dimension: collection.row.dimension)
  }

  /// Real queries to measure a generation with, if there are any: captured ones, or those of its last build.
  func realQueries(
    for generation: Generation, of collection: Collection, most: Int
  ) throws(VecError) -> (sample: QuerySample, source: QuerySource)? {
    let dimension = collection.row.dimension
    if let captured = collection.capturedSample(for: generation, most: most) { return (captured, .captured) }
    let sample = try withWriter { (writer) throws(VecError) in
      try writer.manifest.sample(of: generation.row.number, dimension: dimension)
    }
    // The latest ones: what a build measures with, and does not shape its graph by.
    if let sample { return (QuerySample(dimension: dimension, vectors: sample.suffix(most * dimension)), .sample) }
    let few = collection.reservoir.queries(of: generation.row.model, dimension: dimension, most: most)
    return few.count > 0 ? (few, .captured) : nil
  }

  /// Writes the captured queries that changed since the last time into the manifest.
  package func saveCaptures() throws(VecError) {
    let collections = state.withLock { Array($0.collections.values) }.filter { $0.fence == nil }
    for collection in collections.sorted(by: { $0.row.name < $1.row.name }) {
      let row = collection.row
      try withWriter { (writer) throws(VecError) in
        // It may have been dropped meanwhile; and what is taken here must not come behind a `configure` that forgets.
        guard (try? self.collection(row.name))?.row.number == row.number,
          let changed = collection.reservoir.takeChanges(dimension: row.dimension)
        else { return }
        do throws(VecError) {
          try writer.manifest.transaction { (transaction) throws(VecError) in
            let rows = changed.map { CaptureRow(collection: row.number, model: $0.key, queries: $0.value) }
            try transaction.set(rows.sorted { ($0.model ?? "") < ($1.model ?? "") }, of: row.number)
          }
        } catch {
          collection.reservoir.noteChange()
          throw error
        }
      }
    }
  }
}
