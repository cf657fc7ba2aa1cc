import Synchronization
package import VecCore
import VecManifest

// What may be set about a collection at any time.
extension Engine {
  /// Durable when this returns, and in force for every search that begins then.
  package func configure(_ name: String, _ change: SettingsChange) throws(VecError) {
    try change.check()
    try withWriter { (writer) throws(VecError) in
      let collection = try collection(name)
      var row = collection.row
      row.settings = row.settings.changed(by: change)
      let capturedBytes = row.settings.capturedQueries * row.dimension * 4
      guard capturedBytes <= Limits.capturedBytesMax else {
        throw VecError(
          .limitExceeded,
          "\(row.settings.capturedQueries) captured queries of dimension \(row.dimension) take \(capturedBytes) bytes, at most "
            + "\(Limits.capturedBytesMax): keep at most \(Limits.capturedBytesMax / (row.dimension * 4))")
      }
      let forgets = row.settings.capturedQueries == 0 && collection.row.settings.capturedQueries > 0
      try writer.manifest.transaction { [row] (transaction) throws(VecError) in
        try transaction.set(row.settings, of: row.number)
        if forgets { try transaction.set([], of: row.number) }
      }
      collection.reservoir.setCapacity(row.settings.capturedQueries, dimension: row.dimension, memory)
      update(name) { [row] in $0.row.settings = row.settings }
    }
    noteGauges()
  }

  package func settings(of name: String) throws(VecError) -> CollectionSettings { try anyCollection(name).row.settings }

  /// What became of the searches of each collection, by name.
  package var modelCounts: [String: ModelCounts] {
    state.withLock { $0.collections.mapValues(\.models) }.mapValues(\.counts)
  }
}
