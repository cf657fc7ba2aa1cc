import VecCore
import VecManifest
import VecStorage

/// Opening a store in whatever state it was left: read and check the manifest, open and verify the segments, fence the
/// collections that are damaged, remove leftovers. Repeatable: a crash in the middle changes nothing for the next start.
struct Recovery {
  let manifest: Manifest
  let nextNumber: UInt64
  private(set) var collections: [String: Collection] = [:]
  private(set) var report = RecoveryReport()

  /// - Parameter keepsLeftovers: reports leftovers and removes none, for a check.
  init(
    _ directory: StoreDirectory, newStoreUUID: UUID, keepsLeftovers: Bool, memory: MemoryLedger
  ) throws(VecError) {
    // Segments without a manifest are a store that lost it, and no new store.
    let isNew = try directory.segmentUUIDs().isEmpty
    manifest = try Manifest(path: directory.manifestPath, newStoreUUID: isNew ? newStoreUUID : nil)
    do {
      let catalogue = try manifest.load()
      nextNumber = catalogue.nextNumber
      var known: Set<UUID> = []
      for record in catalogue.collections {
        known.formUnion(record.segments.map(\.uuid))
        adopt(record, directory, memory)
      }
      for (name, reason) in catalogue.damaged { fence(name, reason) }
      report.doubt = manifest.doubt
      // With damage in the manifest or its log nobody can say which files belong to it, so all are kept.
      if keepsLeftovers || manifest.doubt != nil || !catalogue.damaged.isEmpty {
        report.keptFiles = try directory.leftovers(besides: known)
      } else {
        report.removedFiles = try directory.removeLeftovers(keeping: known)
      }
    } catch {
      manifest.close()
      throw error
    }
    report.collectionCount = collections.count
  }

  private mutating func adopt(_ record: CollectionRecord, _ directory: StoreDirectory, _ memory: MemoryLedger) {
    var collection = Collection(row: record.row, generations: [])
    do throws(VecError) {
      for row in record.generations {
        var segments: [SegmentHandle] = []
        for segment in record.segments where segment.generation == row.number {
          segments.append(try SegmentHandle(segment, of: record.row, in: directory, memory: memory))
          report.segmentCount += 1
          report.byteCount += segment.byteCount
        }
        collection.generations.append(Generation(row: row, segments: segments))
      }
    } catch {
      collection.fence = error.message
      report.fences.append(.init(collection: record.row.name, reason: error.message))
    }
    collections[record.row.name] = collection
  }

  /// A collection whose manifest rows cannot be believed: its name is kept, so that `list` shows it and `drop` can
  /// remove it.
  private mutating func fence(_ name: String, _ reason: String) {
    let row = CollectionRow(number: 0, name: name, dimension: 1, metric: .ip, createdAt: 0)
    collections[name] = Collection(row: row, generations: [], fence: reason)
    report.fences.append(.init(collection: name, reason: reason))
  }
}
