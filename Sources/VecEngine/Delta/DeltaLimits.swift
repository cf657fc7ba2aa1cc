import VecCore

/// How long deltas may grow.
package struct DeltaLimits: Sendable, Equatable {
  /// Rows and bytes after which a delta takes no more writes and is sealed.
  package var rowsMax = 32_768
  package var bytesMax = 32 << 20
  /// The same for ids that were logged, times `rowsMax`: deletes leave no rows, and a start carries them out again.
  package var idsPerRow = 8
  /// Deltas' worth of rows that may wait for the seal before writes are refused.
  package var waitingMax = 8

  package init() {}

  func isFull(_ delta: Delta) -> Bool {
    delta.rowCount >= rowsMax || delta.byteCount > bytesMax || delta.idCount >= rowsMax * idsPerRow
  }

  /// - Throws: `overloaded` when sealing is late.
  func checkRoom(_ state: WriteState, of collection: String) throws(VecError) {
    guard
      state.rowCount >= rowsMax * waitingMax || state.byteCount >= bytesMax * waitingMax
        || state.deltas.count > waitingMax
    else { return }
    throw VecError(
      .overloaded,
      "\(state.deltas.count) deltas with \(state.rowCount) rows written to \(collection) wait to be sealed into a segment; "
        + "nothing was done, try again later")
  }
}
