import Synchronization
package import VecCore
import VecManifest
import VecStorage

extension Engine {
  /// Makes a verified copy of the store in its directory `snapshots`: hard links of the segments, which never change, and a
  /// copy of the manifest with the deltas, all as of one moment. Writes wait while the manifest is copied.
  package func snapshot(_ name: String) throws(VecError) -> SnapshotOutcome {
    try Names.checkCollection(name)
    let writer = try SnapshotWriter(directory, name: name, uuid: options.makeUUID())
    do throws(VecError) {
      // Holding the handles keeps the files until they are linked, whatever upkeep makes of the store meanwhile.
      let held = try copyManifest(to: writer)
      for segment in held { try writer.link(segment.row.uuid, of: directory) }
      for segment in held {
        let identity = SegmentIdentity(
          uuid: segment.row.uuid, byteCount: segment.row.byteCount, rootChecksum: segment.row.rootChecksum)
        try MappedSegment.open(path: writer.segmentPath(segment.row.uuid), expecting: identity).verify()
      }
      try verifyManifest(at: writer.manifestPath, knows: held)
      let (path, listing) = try writer.finish(segments: held.map(\.row.uuid))
      return SnapshotOutcome(
        path: path, fileCount: listing.entries.count, byteCount: listing.entries.reduce(0) { $0 + $1.byteCount })
    } catch {
      writer.abandon()
      throw error
    }
  }

  private func copyManifest(to target: SnapshotWriter) throws(VecError) -> [SegmentHandle] {
    try withWriter { (writer) throws(VecError) in
      if let poison = writer.manifest.poison { throw poison }
      let collections = state.withLock { Array($0.collections.values) }
      if let fenced = collections.first(where: { $0.damage != nil }) {
        throw VecError(
          .collectionFenced,
          "collection \(fenced.row.name) is damaged: a snapshot with damage in it is none; drop what is damaged, or restore it")
      }
      for (kind, counts) in [(NamedSetKind.exclusions, exclusions.counts), (.biases, biases.counts)] where counts.damaged > 0 {
        throw VecError(
          .manifestDamaged,
          "\(kind.article) \(kind.noun) is damaged: a snapshot with damage in it is none; forget it (verify names it), or "
            + "repair the store")
      }
      try writer.manifest.copy(to: target.manifestPath)
      return collections.flatMap { $0.generations.flatMap(\.segments) }
        .sorted { $0.row.uuid.bytes.lexicographicallyPrecedes($1.row.uuid.bytes) }
    }
  }

  /// Reads the copy as the next start would. What is wrong with a copy says nothing of the manifest.
  private func verifyManifest(at path: String, knows held: [SegmentHandle]) throws(VecError) {
    do throws(VecError) {
      try readManifest(at: path, knows: held)
    } catch {
      throw error.code == .manifestDamaged
        ? VecError(.ioError, "the copy of the manifest does not read back: \(error.message)") : error
    }
  }

  private func readManifest(at path: String, knows held: [SegmentHandle]) throws(VecError) {
    let copy = try Manifest(path: path, newStoreUUID: nil)
    defer { copy.close() }
    let catalogue = try copy.load()
    let known = Set(catalogue.collections.flatMap { $0.segments.map(\.uuid) })
    guard catalogue.damaged.isEmpty, known == Set(held.map(\.row.uuid)) else {
      throw VecError(.manifestDamaged, "the copy of the manifest does not hold what the manifest does")
    }
    for record in catalogue.collections { try checkWrites(of: record, in: copy) }
    for kind in NamedSetKind.allCases {
      guard let lost = try copy.damagedSets(kind, of: catalogue).first else { continue }
      throw VecError(.manifestDamaged, lost.damage.message(kind))
    }
  }
}
