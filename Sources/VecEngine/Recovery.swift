import VecCore
import VecManifest
import VecStorage

/// Opening a store in whatever state it was left: read and check the manifest, open and verify the segments, fence the
/// generations that are damaged, remove leftovers. Repeatable: a crash in the middle changes nothing for the next start.
struct Recovery {
  let manifest: Manifest
  let nextNumber: UInt64
  private(set) var collections: [String: Collection] = [:]
  /// What the writer knows of generations that were written to.
  private(set) var states: [UInt64: WriteState] = [:]
  let exclusions: NamedSets<ExclusionSet>
  let biases: NamedSets<BiasSet>
  private(set) var report = RecoveryReport()

  /// - Parameter keepsLeftovers: reports leftovers and removes none, for a check.
  init(
    _ directory: StoreDirectory, newStoreUUID: UUID, keepsLeftovers: Bool, ballastByteCount: Int, memory: MemoryLedger
  ) throws(VecError) {
    // Segments without a manifest are a store that lost it, and no new store.
    let isNew = try directory.segmentUUIDs().isEmpty
    manifest = try Manifest(
      path: directory.manifestPath, newStoreUUID: isNew ? newStoreUUID : nil, ballastByteCount: ballastByteCount)
    do {
      let catalogue = try manifest.load()
      nextNumber = catalogue.nextNumber
      var damaged: [RecoveryReport.Fence] = []
      exclusions = try NamedSets(of: catalogue, in: manifest, memory) { damaged.append(.init(collection: $0, reason: $1)) }
      biases = try NamedSets(of: catalogue, in: manifest, memory) { damaged.append(.init(collection: $0, reason: $1)) }
      report.damagedSets = damaged
      var known: Set<UUID> = []
      for record in catalogue.collections {
        known.formUnion(record.segments.map(\.uuid))
        adopt(record, directory, memory)
      }
      try adoptCaptures(memory)
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
    collection.row.sequence = record.deltas.map(\.lastSequence).reduce(record.row.sequence, max)
    for row in record.generations {
      var generation = Generation(row: row, segments: [])
      do throws(VecError) {
        try fill(&generation, record, directory, memory)
      } catch {
        generation.fence = error.message
        report.fences.append(
          .init(collection: record.row.name, reason: "generation \(row.label): \(error.message)"))
      }
      collection.generations.append(generation)
    }
    collections[record.row.name] = collection
  }

  /// No answer depends on captured queries: those that are damaged are given up, and that is all.
  private mutating func adoptCaptures(_ memory: MemoryLedger) throws(VecError) {
    for collection in collections.values.sorted(by: { $0.row.name < $1.row.name }) {
      let row = collection.row
      collection.reservoir.setCapacity(row.settings.capturedQueries, dimension: row.dimension, memory)
      let saved = try manifest.captures(of: row)
      for one in saved.sound { collection.reservoir.restore(one.queries, of: one.model) }
      if saved.damagedCount > 0 {
        report.damagedCaptures.append(row.name)
        // What is saved next takes the place of all.
        collection.reservoir.noteChange()
      }
    }
  }

  /// Opens the segments of a generation, and carries out its writes.
  private mutating func fill(
    _ generation: inout Generation, _ record: CollectionRecord, _ directory: StoreDirectory, _ memory: MemoryLedger
  ) throws(VecError) {
    let number = generation.row.number
    var segments: [SegmentHandle] = []
    for segment in record.segments where segment.generation == number {
      segments.append(try SegmentHandle(segment, of: record.row, in: directory, memory: memory))
      report.segmentCount += 1
      report.byteCount += segment.byteCount
    }
    generation = Generation(row: generation.row, segments: segments)
    guard let state = try replay(record, segments, generation: number) else { return }
    states[number] = state
    memory.take(state.byteCount)
    generation.show(state)
    report.writeCount += state.deltas.reduce(0) { $0 + $1.row.writeCount }
  }

  /// The writes of a generation, carried out anew; nil when there are none and none of its rows is dead.
  private func replay(
    _ record: CollectionRecord, _ segments: [SegmentHandle], generation: UInt64
  ) throws(VecError) -> WriteState? {
    let deltas = record.deltas.filter { $0.generation == generation }
    var kept: [UUID: WriteState.Kept] = [:]
    for segment in segments {
      let parts = record.deadRows.filter { $0.segment == segment.row.uuid }
      guard let last = parts.last else { continue }
      let rows = try manifest.deadRows(parts, rowCount: segment.row.rowCount)
      let live = LiveRows(rowCount: Int(segment.row.rowCount)).removing(rows.lazy.map { Int($0) })
      kept[segment.row.uuid] = WriteState.Kept(parts: last.part, live: live)
    }
    guard !deltas.isEmpty || !kept.isEmpty else { return nil }
    let state = WriteState(dimension: record.row.dimension, metric: record.row.metric, kept: kept)
    for row in deltas {
      state.deltas.append(Delta(row, dimension: record.row.dimension, metric: record.row.metric))
      // Many at once, because each call may copy which rows of a segment count.
      var batch: [(UInt64, LoggedWrite)] = []
      try manifest.readWrites(of: row, dimension: record.row.dimension) { (write) throws(VecError) in
        batch.append((row.number, write))
        guard batch.count >= 1_000 || write.content.count > 1 << 20 else { return }
        _ = state.apply(batch, segments: segments)
        batch = []
      }
      _ = state.apply(batch, segments: segments)
      state.deltas[state.deltas.count - 1].code()
    }
    return state
  }

  /// A collection whose manifest rows cannot be believed: its name is kept, so that `list` shows it and `drop` can
  /// remove it.
  private mutating func fence(_ name: String, _ reason: String) {
    let row = CollectionRow(number: 0, name: name, dimension: 1, metric: .ip, createdAt: 0)
    collections[name] = Collection(row: row, generations: [], fence: reason)
    report.fences.append(.init(collection: name, reason: reason))
  }
}
