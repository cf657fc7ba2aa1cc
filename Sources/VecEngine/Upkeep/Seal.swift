import VecCore
import VecIndex
import VecManifest
import VecStorage

/// Turns the frozen deltas of a generation into a segment: the rows are written to a file while writes and searches go on,
/// then one manifest transaction adds the segment, the rows of older segments that have died, and drops the deltas.
///
/// Rows that die while the file is written are dead rows of the new segment. Dead rows are kept up to now, also those of
/// writes that are not sealed yet: after a crash these are carried out again, which changes nothing.
struct Seal {
  private let engine: Engine
  private let collection: CollectionRow
  private let generation: UInt64
  private let segmentUUID: UUID
  /// Copies of the deltas as they were when this began.
  private let deltas: [Delta]

  /// Nil when there is nothing to seal.
  /// - Parameter everything: the delta that takes writes is frozen first.
  init?(
    _ engine: Engine, _ name: String, generation number: UInt64, everything: Bool
  ) throws(VecError) {
    self.engine = engine
    generation = number
    segmentUUID = engine.options.makeUUID()
    deltas = try engine.withWriter { (writer) throws(VecError) in
      guard let state = writer.states[number] else { return [] }
      if everything, let last = state.deltas.last, last.row.writeCount > 0 {
        try Self.freeze(state, of: engine.collection(name).row, generation: number, &writer)
      }
      return Array(state.deltas.dropLast())
    }
    // Only now: it has every attribute that a row of the deltas may have a value for.
    collection = try engine.collection(name).row
    if deltas.isEmpty { return nil }
  }

  private static func freeze(
    _ state: WriteState, of collection: CollectionRow, generation: UInt64, _ writer: inout Engine.Writer
  ) throws(VecError) {
    let row = DeltaRow(number: writer.takeNumber(), generation: generation)
    let next = writer.nextNumber
    try writer.manifest.transaction { (transaction) throws(VecError) in
      try transaction.insert(row, of: collection.number)
      try transaction.setNextNumber(next)
    }
    state.deltas.append(Delta(row, dimension: collection.dimension, metric: collection.metric))
  }

  /// Writes, swaps, and says how many rows moved.
  func run() throws(VecError) -> UInt64 {
    let segment = try engine.stoppingAtIOErrors { () throws(VecError) in try write() }
    do {
      segment?.prepare(engine.team)
      try swap(segment)
      return segment?.row.rowCount ?? 0
    } catch {
      if !error.mayHaveHappened { segment?.retire() }
      throw error
    }
  }

  /// The rows that count, as a segment; nil when none does.
  private func write() throws(VecError) -> SegmentHandle? {
    guard deltas.contains(where: { $0.liveCount > 0 }) else { return nil }
    let rows = IngestRows(
      spool: try RowSpool(directory: engine.directory), dimension: collection.dimension, metric: collection.metric,
      kernels: engine.kernels, items: engine.itemCollector(collection))
    for part in deltas.flatMap(\.parts) {
      for row in 0..<part.rowCount where part.isLive(row) {
        let id = part.block.id(row)
        try withUnsafeBytes(of: id.littleEndian) { (id) throws(VecError) in
          try rows.append(
            elementType: .f32, count: 1, ids: id, elements: UnsafeRawBufferPointer(part.block.vector(row)),
            records: [part.block.record(row)])
        }
      }
    }
    let written = try rows.write(
      to: engine.directory, uuid: segmentUUID, collection: collection.number, generation: generation)
    return try SegmentHandle(
      SegmentRow(written, generation: generation, ordinal: 0), of: collection, in: engine.directory,
      memory: engine.memory, isVerified: true)
  }

  private func swap(_ segment: SegmentHandle?) throws(VecError) {
    try engine.withWriter { (writer) throws(VecError) in
      let current = try engine.collection(collection.name)
      guard let state = writer.states[generation],
        var next = current.generations.first(where: { $0.row.number == generation })
      else { throw VecError(.generationNotFound, "the generation was dropped while its delta was sealed") }

      let sealed = Set(deltas.map(\.row.number))
      var after = SealedState(state)
      if let segment { after.adopt(segment, from: deltas, in: state) }
      let parts = after.newParts(segments: next.segments + (segment.map { [$0] } ?? []))
      let active = state.deltas.last { !sealed.contains($0.row.number) }
      let lastSequence = deltas.map(\.row.lastSequence).max() ?? 0
      let tokens = state.tokens.carried(upTo: lastSequence, sequence: current.row.sequence)
      let row = segment.map { next.placed($0.row) }
      // Without a row that counts there is only something to forget.
      let activeRow = try writer.manifest.transaction(makingRoom: segment == nil) {
        (transaction) throws(VecError) -> DeltaRow? in
        if let row { try transaction.insert(row, of: collection.number) }
        for part in parts {
          try transaction.insertDeadRows(
            part.rows.map { UInt32(truncatingIfNeeded: $0) }, part: part.number, of: part.segment, collection: collection.number)
        }
        var activeRow = active?.row
        if let tokens, var own = activeRow {
          try transaction.append(tokens, to: &own)
          try transaction.update(own)
          activeRow = own
        }
        for number in sealed { try transaction.deleteDelta(number, of: collection.number) }
        try transaction.update(current.row)
        return activeRow
      }
      let before = state.byteCount
      after.settle(into: state, sealed: sealed, active: activeRow)
      engine.memory.giveBack(before - state.byteCount)
      if let segment { next.segments.append(segment) }
      engine.update(collection.name) { [next] collection in
        var next = next
        next.show(state)
        collection.replace(next)
      }
    }
  }
}

/// What becomes of the dead rows when deltas turn into a segment; put into the `WriteState` once the manifest has it.
struct SealedState {
  struct Part {
    var segment: UUID
    var number: UInt64
    var rows: [Int]
  }

  private(set) var live: [UUID: LiveRows]
  private var kept: [UUID: WriteState.Kept]

  init(_ state: WriteState) {
    live = state.live
    kept = state.kept
  }

  /// Rows of the new segment that have died since its deltas were copied.
  mutating func adopt(_ segment: SegmentHandle, from copies: [Delta], in state: WriteState) {
    var died: [Int] = []
    var next = 0
    for copy in copies {
      guard let now = state.deltas.first(where: { $0.row.number == copy.row.number }) else { continue }
      for row in 0..<copy.rowCount where copy.isLive(row) {
        if !now.isLive(row) { died.append(next) }
        next += 1
      }
    }
    guard !died.isEmpty else { return }
    live[segment.row.uuid] = LiveRows(rowCount: Int(segment.row.rowCount)).removing(died)
  }

  /// The dead rows that the manifest does not know yet.
  mutating func newParts(segments: [SegmentHandle]) -> [Part] {
    segments.compactMap { segment -> Part? in
      let uuid = segment.row.uuid
      guard let now = live[uuid] else { return nil }
      var known = kept[uuid] ?? WriteState.Kept()
      let rows = (known.live ?? LiveRows(rowCount: now.rowCount)).lost(in: now)
      guard !rows.isEmpty else { return nil }
      known.parts += 1
      known.live = now
      kept[uuid] = known
      return Part(segment: uuid, number: known.parts, rows: rows)
    }
  }

  func settle(into state: WriteState, sealed: Set<UInt64>, active: DeltaRow?) {
    state.live = live
    state.kept = kept
    state.deltas.removeAll { sealed.contains($0.row.number) }
    if let active, let last = state.deltas.indices.last { state.deltas[last].row = active }
    state.places = state.places.filter { !sealed.contains($0.value.delta) }
  }
}
