package import VecCore
import VecManifest
import VecStorage

/// What is damaged in a store that no daemon has open, what giving it up would lose, and the giving up itself: afterwards the
/// collections that were fenced are served again, without what is lost.
package struct StoreRepair {
  /// One damage and what is done about it.
  package struct Finding: Sendable, Equatable {
    package var collection: String
    package var generation: String?
    package var damage: String
    /// What is lost, or why nothing can be done.
    package var consequence: String
    package var isRepairable: Bool
  }

  private enum Act {
    case segment(SegmentRow)
    case delta(DeltaRow, sound: DeltaRow)
    case deadRows(DeadRowsRow)
  }

  package private(set) var findings: [Finding] = []
  private var acts: [(collection: CollectionRow, act: Act)] = []
  /// Numbers of exclude sets.
  private var lostSets: [(number: UInt64, kind: NamedSetKind)] = []
  private let directory: StoreDirectory
  private let manifest: Manifest

  /// Reads every byte.
  ///
  /// - Throws: as the opening of a store: a manifest that is damaged as a whole needs a backup.
  package init(storePath: String) throws(VecError) {
    directory = try StoreDirectory(path: storePath, create: false)
    do {
      manifest = try Manifest(path: directory.manifestPath, newStoreUUID: nil)
    } catch {
      directory.close()
      throw error
    }
    let catalogue: Catalogue
    var lost: [(collection: String?, damage: DamagedSet, kind: NamedSetKind)] = []
    do {
      catalogue = try manifest.load()
      for kind in NamedSetKind.allCases {
        lost += try manifest.damagedSets(kind, of: catalogue).map { ($0.collection, $0.damage, kind) }
      }
    } catch {
      manifest.close()
      directory.close()
      throw error
    }
    for (name, reason) in catalogue.damaged {
      findings.append(
        Finding(
          collection: name, damage: reason,
          consequence: "nobody can say what belongs to it: drop it, or put a backup in place", isRepairable: false))
    }
    for record in catalogue.collections { examine(record) }
    for (collection, damage, kind) in lost {
      findings.append(
        Finding(
          collection: collection ?? "", damage: damage.message(kind),
          consequence: kind == .exclusions
            ? "the set is forgotten: what it held is not excluded any more"
            : "the set is forgotten: scores are what they are without it",
          isRepairable: true))
      lostSets.append((damage.number, kind))
    }
  }

  package func close() {
    manifest.close()
    directory.close()
  }

  private mutating func examine(_ record: CollectionRecord) {
    for segment in record.segments {
      do throws(VecError) {
        // As a start opens it, and one by one: nothing is held.
        _ = try SegmentHandle(segment, of: record.row, in: directory, memory: MemoryLedger(budget: 0))
      } catch {
        note(
          record, segment.generation, error, "its \(segment.rowCount) rows are lost; the file goes to damaged/",
          .segment(segment))
      }
    }
    for delta in record.deltas {
      var sound = DeltaRow(number: delta.number, generation: delta.generation)
      do throws(VecError) {
        try manifest.readWrites(of: delta, dimension: record.row.dimension, sound: &sound) { (_) in }
      } catch {
        note(
          record, delta.generation, error,
          "\(delta.writeCount - min(delta.writeCount, sound.writeCount)) of its \(delta.writeCount) writes are lost",
          .delta(delta, sound: sound))
      }
    }
    for part in record.deadRows {
      let rowCount = record.segments.first { $0.uuid == part.segment }?.rowCount ?? 0
      do throws(VecError) { _ = try manifest.deadRows([part], rowCount: rowCount) } catch {
        note(
          record, record.segments.first { $0.uuid == part.segment }?.generation ?? 0, error,
          "\(part.rowCount) rows that were deleted or replaced are back", .deadRows(part))
      }
    }
  }

  /// What the system only failed to read may be sound, so nothing of it is given up.
  private mutating func note(
    _ record: CollectionRecord, _ generation: UInt64, _ error: VecError, _ consequence: String, _ act: Act
  ) {
    let isDamaged = [.segmentDamaged, .manifestDamaged, .fileNotFound].contains(error.code)
    findings.append(
      Finding(
        collection: record.row.name, generation: record.generations.first { $0.number == generation }?.label,
        damage: error.message,
        consequence: isDamaged
          ? consequence : "it could not be read, which may pass: try again; if it stays, move the file away to give it up",
        isRepairable: isDamaged))
    if isDamaged { acts.append((record.row, act)) }
  }

  /// Gives up what is damaged. A crash on the way leaves a store that can be repaired again.
  package func apply() throws(VecError) {
    for (_, act) in acts {
      if case .segment(let segment) = act { try directory.setAside(segment.uuid) }
    }
    guard !acts.isEmpty || !lostSets.isEmpty else { return }
    try manifest.transaction { (transaction) throws(VecError) in
      for (number, kind) in lostSets { try transaction.deleteSet(number, kind) }
      for (collection, act) in acts {
        switch act {
        case .segment(let segment): try transaction.deleteSegment(segment.uuid, of: collection.number)
        case .delta(let delta, let sound): try transaction.cut(delta, to: sound)
        case .deadRows(let part): try transaction.deleteDeadRows(part, of: collection.number)
        }
        var row = collection
        row.sequence += 1
        try transaction.update(row)
      }
    }
  }
}
