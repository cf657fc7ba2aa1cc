import Synchronization
package import VecCore
import VecIndex
import VecManifest
import VecStorage

// The work that single writes make necessary. It never blocks searches; writes wait for its swaps only.
extension Engine {
  /// Moves all rows of a generation's delta into a segment.
  package func seal(_ name: String, generation label: String?) throws(VecError) -> SealOutcome {
    let generation = try collection(name).readable(label)
    let moved = try upkeep.withLock { (_) throws(VecError) in
      try seal(name, generation.row.number, everything: true)
    }
    let now = try collection(name)
    let after = now.generations.first { $0.row.number == generation.row.number }
    return SealOutcome(
      generation: generation.row.label, sequence: now.row.sequence, rowCount: moved,
      segmentCount: after?.segments.count ?? 0)
  }

  /// Seals, and rewrites a generation's segments without dead rows, with the indexes they have. Long.
  package func compact(
    _ name: String, generation label: String?, shouldStop: () -> Bool
  ) throws(VecError) -> CompactOutcome {
    let generation = try collection(name).readable(label)
    return try upkeep.withLock { (_) throws(VecError) in
      let before = try readable(name, generation.row.number).byteCount
      try sealAndRebuild(name, generation, shouldStop)
      let after = try readable(name, generation.row.number)
      return CompactOutcome(
        generation: after.row.label, sequence: try sequence(of: name), rowCount: after.rowCount,
        segmentCount: after.segments.count, bytesBefore: before, bytesAfter: after.byteCount)
    }
  }

  /// Whether `upkeep` has something to do.
  package var isUpkeepDue: Bool { isSealDue.load(ordering: .relaxed) || !dueUpkeep().isEmpty }

  /// Does the most urgent step of upkeep that the disk has room for, if any is due. Long; for one thread.
  package func upkeep(shouldStop: () -> Bool) throws(VecError) -> UpkeepStep? {
    try upkeep.withLock { (_) throws(VecError) in
      var full: VecError?
      do throws(VecError) {
        if let step = try sealNext() { return step }
      } catch { full = try error.ifFull() }
      // The next may be small enough, and make room for the others.
      for due in dueUpkeep() {
        do throws(VecError) {
          return try carryOut(due, shouldStop)
        } catch {
          let found = try error.ifFull()
          full = full ?? found
        }
      }
      if let full { throw full }
      return nil
    }
  }

  private func carryOut(_ next: Due, _ shouldStop: () -> Bool) throws(VecError) -> UpkeepStep {
    let (name, generation) = (next.collection, next.generation)
    var step = UpkeepStep(
      act: .merge, collection: name, generation: generation.row.label, reason: "", rowCount: generation.rowCount)
    switch next.due {
    case .merge(let segments, let reason):
      step.reason = reason
      step.rowCount = try makingRoom(if: generation.shrinks(segments, growth: 1)) { () throws(VecError) in
        try merge(segments, of: generation, name)
      }
    case .rebuild(let reason):
      (step.act, step.reason) = (.rebuild, reason)
      try sealAndRebuild(name, generation, shouldStop)
      try probe(name, generation.row.number, isFresh: true)
    }
    return step
  }

  /// What is in the delta would stay outside of the new index; on a full disk it does.
  private func sealAndRebuild(_ name: String, _ generation: Generation, _ shouldStop: () -> Bool) throws(VecError) {
    do throws(VecError) { _ = try seal(name, generation.row.number, everything: true) } catch { _ = try error.ifFull() }
    let now = try readable(name, generation.row.number)
    try makingRoom(if: now.shrinks(now.segments, growth: 2)) { () throws(VecError) in
      try rebuild(name, generation.row.number, shouldStop)
    }
  }

  private func readable(_ name: String, _ number: UInt64) throws(VecError) -> Generation {
    let collection = try collection(name)
    guard let found = collection.generations.first(where: { $0.row.number == number }) else {
      throw VecError(.generationNotFound, "the generation of \(name) was dropped meanwhile")
    }
    return try collection.sound(found)
  }

  /// Notes whether a delta waits to be sealed.
  func noteSealDue(_ writer: Writer) { isSealDue.store(!waiting(writer).isEmpty, ordering: .relaxed) }

  /// The generations with frozen deltas, by number. Those that are fenced wait until they are sound again.
  private func waiting(_ writer: Writer) -> [UInt64: WriteState] {
    let waiting = writer.states.filter { $0.value.deltas.count > 1 }
    guard !waiting.isEmpty else { return [:] }
    let fenced = state.withLock { state in
      Set(
        state.collections.values.flatMap { collection in
          collection.generations.filter { collection.fence != nil || $0.fence != nil }.map(\.row.number)
        })
    }
    return waiting.filter { !fenced.contains($0.key) }
  }

  /// Merging keeps ids and their order in memory, as a flat build does.
  private var mergedRowsMax: Int {
    let rowBytes = IndexRecipe(type: .flat, targetRecall: nil, sample: nil).rowBytes(dimension: 1)
    return min(options.segmentRows ?? Limits.segmentRowsMax, options.memoryBudget / 2 / rowBytes)
  }

  private struct Due {
    var collection: String
    var generation: Generation
    var due: DueUpkeep
  }

  /// All that is due, by name of the collection.
  private func dueUpkeep() -> [Due] {
    let collections = state.withLock { $0.collections.values.filter { $0.fence == nil } }
    return collections.sorted { $0.row.name < $1.row.name }.flatMap { collection in
      collection.generations.filter { $0.fence == nil && collection.work[$0.row.label] == nil }.flatMap { generation in
        options.upkeep.due(generation, dimension: collection.row.dimension, costs: costs, rowsMax: mergedRowsMax).map {
          Due(collection: collection.row.name, generation: generation, due: $0)
        }
      }
    }
  }

  /// The generation whose frozen deltas hold the most rows.
  private func sealNext() throws(VecError) -> UpkeepStep? {
    let waiting = try withWriter { (writer) throws(VecError) in
      noteSealDue(writer)
      return self.waiting(writer).max { $0.value.rowCount < $1.value.rowCount }?.key
    }
    guard let waiting else { return nil }
    let owner = state.withLock { state in
      state.collections.values.first { $0.generations.contains { $0.row.number == waiting } }
    }
    guard let owner, let generation = owner.generations.first(where: { $0.row.number == waiting }) else { return nil }
    let moved = try seal(owner.row.name, waiting, everything: false)
    return UpkeepStep(
      act: .seal, collection: owner.row.name, generation: generation.row.label, reason: "its delta is full",
      rowCount: moved)
  }

  private func seal(_ name: String, _ number: UInt64, everything: Bool) throws(VecError) -> UInt64 {
    let moved = try Seal(self, name, generation: number, everything: everything)?.run() ?? 0
    try withWriter { (writer) throws(VecError) in noteSealDue(writer) }
    if moved > 0 { try probe(name, number) }
    return moved
  }

  /// Notes how well a generation's index does after it has lost some rows.
  private func probe(_ name: String, _ number: UInt64, isFresh: Bool = false) throws(VecError) {
    let generation = try readable(name, number)
    guard var found = try RecallProbe(self, collection(name), generation) else { return }
    found.best = isFresh ? found.recall : generation.probe?.best
    update(name) { collection in
      guard var now = collection.generations.first(where: { $0.row.number == number }) else { return }
      // A build that ended meanwhile has its own measurements.
      guard now.row.builtAt == generation.row.builtAt else { return }
      now.probe = found
      collection.replace(now)
    }
  }

  /// Makes one segment of several, without their dead rows.
  private func merge(_ segments: [SegmentHandle], of generation: Generation, _ name: String) throws(VecError) -> UInt64 {
    let label = generation.row.label
    // As of now, because writes go on; and held, so that no build takes the same segments.
    var source = try withWriter { (_) throws(VecError) -> Generation in
      try self.collection(name).refuseIfBusy(label)
      let now = try readable(name, generation.row.number)
      guard segments.allSatisfy({ one in now.segments.contains { $0 === one } }) else {
        throw VecError(.busy, "segments of \(label) of \(name) were replaced by a build just now: look again")
      }
      update(name) { $0.work[label] = Collection.Work(kind: .upkeep) }
      return now
    }
    source.segments = segments
    source.delta = []
    defer { release(label, of: name) }
    // What is read here gets new checksums, so it must be what was written.
    for segment in segments {
      do throws(VecError) { try segment.file.verify() } catch {
        fence(generation.row.number, of: name, because: error.message)
        throw error
      }
    }
    return try merge(source, of: collection(name).row)
  }

  private func merge(_ source: Generation, of collection: CollectionRow) throws(VecError) -> UInt64 {
    var made: [SegmentHandle] = []
    let rows = source.liveRows
    if !rows.isEmpty {
      var rewrite = SegmentRewrite(source.segments, kernels: kernels)
      rewrite.order = rows
      let uuid = options.makeUUID()
      let written = try stoppingAtIOErrors { [rewrite] () throws(VecError) in
        try rewrite.write(
          to: directory, uuid: uuid, collection: collection, generation: source.row.number, progress: { _ in })
      }
      made = [
        try SegmentHandle(
          SegmentRow(written, generation: source.row.number, ordinal: 0), of: collection, in: directory,
          memory: memory, isVerified: true)
      ]
    }
    do {
      for segment in made { segment.prepare(team) }
      try SegmentSwap(source: source, made: made, index: nil).run(self, of: collection.name)
    } catch {
      if !error.mayHaveHappened { for segment in made { segment.retire() } }
      throw error
    }
    return UInt64(rows.count)
  }

  /// Builds all segments anew. Deltas that fill up meanwhile are sealed in between.
  private func rebuild(_ name: String, _ number: UInt64, _ shouldStop: () -> Bool) throws(VecError) {
    let build = try withWriter { (writer) throws(VecError) in
      let collection = try collection(name)
      let generation = try readable(name, number)
      try collection.refuseIfBusy(generation.row.label)
      let dimension = collection.row.dimension
      var sample = collection.capturedSample(for: generation)
      if sample == nil {
        sample = try writer.manifest.sample(of: number, dimension: dimension).map {
          QuerySample(dimension: dimension, vectors: $0)
        }
      }
      return reserve(generation.row.label, of: collection.row, IndexRecipe(of: generation, sample: sample), as: .upkeep)
    }
    var failure: VecError?
    try build.run {
      if isSealDue.load(ordering: .relaxed), failure == nil {
        do throws(VecError) { _ = try sealNext() } catch where error.code != .storageFull { failure = error } catch {}
      }
      return failure != nil || shouldStop()
    }
  }
}
