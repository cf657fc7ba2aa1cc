import VecCore

/// How long deltas may grow.
package struct DeltaLimits: Sendable, Equatable {
  /// Rows and bytes after which a delta takes no more writes and is sealed.
  package var rowsMax = 32_768
  package var bytesMax = 32 << 20
  /// Deltas' worth of rows that may wait for the seal before writes are refused.
  package var waitingMax = 8

  package init() {}

  func isFull(_ delta: Delta) -> Bool { delta.rowCount >= rowsMax || delta.byteCount > bytesMax }

  /// - Throws: `overloaded` when sealing is late.
  func checkRoom(_ state: WriteState, rows: Int, of collection: String) throws(VecError) {
    guard state.rowCount >= rowsMax * waitingMax || state.byteCount >= bytesMax * waitingMax else { return }
    throw VecError(
      .overloaded,
      "\(state.rowCount) rows written to \(collection) wait to be sealed into a segment; nothing was done, try again "
        + "later")
  }
}
