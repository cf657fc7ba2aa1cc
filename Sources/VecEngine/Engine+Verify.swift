import Synchronization
package import VecCore
import VecManifest
import VecStorage

extension Engine {
  /// Reads every byte of the manifest and of the segment files, of one collection or of the whole store, and tells what
  /// is wrong. Damage found here is reported; the next start fences it.
  package func verify(_ name: String?) throws(VecError) -> VerifyReport {
    if let name { _ = try anyCollection(name) }
    let catalogue = try withWriter { (writer) throws(VecError) in try writer.manifest.load() }
    var report = VerifyReport(fileCount: 1)
    for (damaged, reason) in catalogue.damaged where name == nil || name == damaged {
      report.findings.append(.init(collection: damaged, file: directory.manifestPath, message: reason))
    }
    for record in catalogue.collections where name == nil || name == record.row.name {
      for segment in record.segments { verify(segment, of: record.row.name, into: &report) }
    }
    return report
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
          || state.collections[collection]?.fence != nil
      }
      guard isStillThere else { return }
      report.findings.append(.init(collection: collection, file: path, message: error.message))
    }
    report.fileCount += 1
    report.byteCount += row.byteCount
  }
}
