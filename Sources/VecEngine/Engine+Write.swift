import Synchronization
package import VecCore
import VecManifest

/// What `seal` did.
package struct SealOutcome: Sendable, Equatable {
  package var generation: String
  package var sequence: UInt64
  /// Rows that moved from the delta into a segment.
  package var rowCount: UInt64
  package var segmentCount: Int
}

/// What `compact` did.
package struct CompactOutcome: Sendable, Equatable {
  package var generation: String
  package var sequence: UInt64
  package var rowCount: UInt64
  package var segmentCount: Int
  package var bytesBefore: UInt64
  package var bytesAfter: UInt64
}

/// What `snapshot` made.
package struct SnapshotOutcome: Sendable, Equatable {
  package var path: String
  package var fileCount: Int
  package var byteCount: UInt64
}

/// One step of the upkeep that writes make necessary, for the daemon's log.
package struct UpkeepStep: Sendable {
  package enum Act: String, Sendable {
    case seal
    /// Small segments became one.
    case merge
    /// Segments with an index were built anew.
    case rebuild
  }

  package var act: Act
  package var collection: String
  package var generation: String
  /// What made it necessary, with the measured numbers.
  package var reason: String
  package var rowCount: UInt64
}

extension Engine {
  /// Carries out writes in their order, all in one commit; each succeeds or fails for itself, but for the commit.
  ///
  /// When this returns, what succeeded is durable and seen by every search that begins now. A failure of the sync fails
  /// all of them with `outcome-unknown`, and `stoppedWriting` says so from then on.
  package func write(_ writes: [Write]) -> [Result<WriteReceipt, VecError>] {
    do throws(VecError) {
      return try withWriter { (writer) throws(VecError) in WriteGroup.commit(writes, in: self, &writer) }
    } catch {
      return writes.map { _ in .failure(error) }
    }
  }

  /// Why no more writes are taken, until the store is opened again; nil as long as all is well.
  package var stoppedWriting: VecError? { writer.withLock { $0?.manifest.poison } }

  /// The sequence number that answers of a collection are complete up to now.
  package func sequence(of name: String) throws(VecError) -> UInt64 { try collection(name).row.sequence }

  /// Makes a verified copy of the store in its directory `snapshots`.
  package func snapshot(_ name: String) throws(VecError) -> SnapshotOutcome {
    throw VecError(.notAvailable, "not yet")
  }
}
