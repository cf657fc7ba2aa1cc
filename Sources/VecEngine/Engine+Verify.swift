import Synchronization
package import VecCore
import VecManifest
import VecStorage

extension Engine {
  /// Reads every byte of the manifest and of the segment files, of one collection or of the whole store, and tells what
  /// is wrong. Damage found here is reported; the next start fences it.
  package func verify(_ name: String?) throws(VecError) -> VerifyReport {
    if let name { _ = try anyCollection(name) }
    // One look at the manifest, so that what it says of segments and of writes fits together. Writes wait for it.
    let (catalogue, findings) = try withWriter { (writer) throws(VecError) in
      let catalogue = try writer.manifest.load()
      let wanted = catalogue.collections.filter { name == nil || name == $0.row.name }
      var found = wanted.compactMap { self.verifyWrites(of: $0, in: writer.manifest) }
      for kind in NamedSetKind.allCases {
        for lost in try writer.manifest.damagedSets(kind, of: catalogue) where name == nil || name == lost.collection {
          found.append(
            .init(
              collection: lost.collection ?? "", file: self.directory.manifestPath, message: lost.damage.message(kind)))
        }
      }
      for record in wanted where try writer.manifest.captures(of: record.row).damagedCount > 0 {
        found.append(
          .init(
            collection: record.row.name, file: self.directory.manifestPath,
            message: "captured queries fail their checksum; no answer depends on them, the next ones take their place"))
      }
      return (catalogue, found)
    }
    var report = VerifyReport(fileCount: 1, findings: findings)
    for (damaged, reason) in catalogue.damaged where name == nil || name == damaged {
      report.findings.append(.init(collection: damaged, file: directory.manifestPath, message: reason))
    }
    for record in catalogue.collections where name == nil || name == record.row.name {
      for segment in record.segments { verify(segment, of: record.row.name, into: &report) }
    }
    return report
  }

  /// The first thing that is wrong with the log of single writes and the dead rows of a collection.
  private func verifyWrites(of record: CollectionRecord, in manifest: Manifest) -> VerifyReport.Finding? {
    do throws(VecError) {
      try checkWrites(of: record, in: manifest)
      return nil
    } catch {
      return .init(collection: record.row.name, file: directory.manifestPath, message: error.message)
    }
  }

  /// - Throws: `manifest-damaged` when something is wrong, `io-error` when it cannot be read.
  func checkWrites(of record: CollectionRecord, in manifest: Manifest) throws(VecError) {
    for delta in record.deltas { try manifest.readWrites(of: delta, dimension: record.row.dimension) { (_) in } }
    for segment in record.segments {
      _ = try manifest.deadRows(record.deadRows.filter { $0.segment == segment.uuid }, rowCount: segment.rowCount)
    }
  }

  /// Reads every byte of the next segment in the round that goes through all of them, for a scrub that never ends; a
  /// damaged one fences its generation.
  ///
  /// - Parameters:
  ///   - after: the segment read last; nil begins a round.
  ///   - progress: told the bytes read since the last call; may take its time, which is what limits the rate.
  /// - Returns: the segment read and what is wrong with it; nil when the round is over.
  package func scrub(after: UUID?, progress: (Int) -> Void) -> (segment: UUID, finding: VerifyReport.Finding?)? {
    let all = state.withLock { state in
      state.collections.values.filter { $0.fence == nil }.flatMap { collection in
        collection.generations.filter { $0.fence == nil }.flatMap(\.segments).map { (collection.row.name, $0) }
      }
    }.sorted { $0.1.row.uuid.bytes.lexicographicallyPrecedes($1.1.row.uuid.bytes) }
    let next = all.first { after?.bytes.lexicographicallyPrecedes($0.1.row.uuid.bytes) ?? true }
    guard let (name, segment) = next else { return nil }
    do throws(VecError) {
      try segment.file.verify(progress: progress)
      return (segment.row.uuid, nil)
    } catch {
      fence(segment.row.generation, of: name, because: error.message)
      return (segment.row.uuid, .init(collection: name, file: segment.file.path, message: error.message))
    }
  }

  private func verify(_ row: SegmentRow, of collection: String, into report: inout VerifyReport) {
    let path = directory.segmentPath(row.uuid)
    do throws(VecError) {
      let identity = SegmentIdentity(uuid: row.uuid, byteCount: row.byteCount, rootChecksum: row.rootChecksum)
      let file = try MappedSegment.open(path: path, expecting: identity)
      try file.verify()
    } catch {
      // A generation dropped since the manifest was read has taken its files along: that is no damage.
      let isStillThere = state.withLock { state in
        state.collections[collection]?.generations.contains { $0.segments.contains { $0.row.uuid == row.uuid } } ?? false
          || state.collections[collection]?.damage != nil
      }
      guard isStillThere else { return }
      report.findings.append(.init(collection: collection, file: path, message: error.message))
    }
    report.fileCount += 1
    report.byteCount += row.byteCount
  }
}
