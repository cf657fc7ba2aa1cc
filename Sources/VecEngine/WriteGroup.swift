import VecCore
import VecKernels
import VecManifest

/// Writes that are committed together: checked one by one, logged in one transaction, then carried out in memory and shown
/// to searches in one swap per collection.
struct WriteGroup {
  /// A write that passed its checks.
  private struct Accepted {
    let position: Int
    let collection: String
    let generation: UInt64
    var write: LoggedWrite
  }

  /// A generation that the group writes to.
  private struct Target {
    var collection: CollectionRow
    var generation: Generation
    let state: WriteState
    var isNew = false
    var hadLive: Bool
  }

  private let engine: Engine
  private var accepted: [Accepted] = []
  private var targets: [UInt64: Target] = [:]
  /// By collection.
  private var sequences: [String: UInt64] = [:]
  private var results: [Result<WriteReceipt, VecError>?]
  /// Writes of this group that come again in it, by the position of the first.
  private var repeats: [(position: Int, first: Int)] = []
  private var tokens: [WriteToken: Int] = [:]
  /// The texts of the ids that the group writes, by generation.
  private var stringIDs: [UInt64: [UInt64: Keyword]] = [:]

  private init(_ engine: Engine, count: Int) {
    self.engine = engine
    results = Array(repeating: nil, count: count)
  }

  /// Carries out writes under the writer lock.
  static func commit(
    _ writes: [Write], in engine: Engine, _ writer: inout Engine.Writer
  ) -> [Result<WriteReceipt, VecError>] {
    var group = WriteGroup(engine, count: writes.count)
    for (position, write) in writes.enumerated() {
      do throws(VecError) {
        try group.accept(write, position, &writer)
      } catch {
        group.results[position] = .failure(error)
      }
    }
    do throws(VecError) {
      try group.log(&writer)
      group.apply(&writer)
      engine.noteSealDue(writer)
    } catch {
      for one in group.accepted { group.results[one.position] = .failure(error) }
      for (generation, target) in group.targets where target.isNew { writer.states[generation] = nil }
      if error.code == .storageFull { group.deleteAtLeast(writes, &writer) }
    }
    for (position, first) in group.repeats {
      group.results[position] = group.results[first]?.map {
        WriteReceipt(generation: $0.generation, sequence: $0.sequence, existing: 0, isRepeated: true)
      }
    }
    return group.results.map { $0 ?? .failure(VecError(.internalDefect, "a write was lost on its way")) }
  }
}

// MARK: - Checks

extension WriteGroup {
  private mutating func accept(_ write: Write, _ position: Int, _ writer: inout Engine.Writer) throws(VecError) {
    if let poison = writer.manifest.poison { throw poison }
    let (name, label, token) = write.address
    let collection = try engine.collection(name)
    try write.check(collection.row)
    let number = try target(collection, label, write.model, &writer)
    guard let target = targets[number] else { return }
    if let token {
      if let sequence = target.state.tokens.sequence(of: token) {
        results[position] = .success(
          WriteReceipt(generation: target.generation.row.label, sequence: sequence, existing: 0, isRepeated: true))
        return
      }
      if let first = tokens[token] {
        repeats.append((position, first))
        return
      }
      tokens[token] = position
    }
    try engine.options.delta.checkRoom(target.state, of: name)
    if collection.row.ids == .string, case .upsert(let upsert) = write { try refuseCollisions(upsert, number, target) }
    let sequence = (sequences[name] ?? collection.row.sequence) + 1
    sequences[name] = sequence
    accepted.append(
      Accepted(position: position, collection: name, generation: number, write: write.logged(sequence)))
  }

  /// No text takes the place of another one of the same hash.
  private mutating func refuseCollisions(_ upsert: UpsertRequest, _ number: UInt64, _ target: Target) throws(VecError) {
    var own = stringIDs[number] ?? [:]
    for (id, record) in zip(upsert.ids, upsert.records) {
      guard let text = record.stringID else { continue }
      var there = own[id]
      if there == nil { there = try target.state.stringID(of: id, target.generation.segments) }
      if let there, there != text {
        throw StringID.collision(there.text, text.text)
      }
      own[id] = text
    }
    stringIDs[number] = own
  }

  /// The generation to write to, made if the collection has nothing live yet.
  private mutating func target(
    _ collection: Collection, _ label: String?, _ model: String?, _ writer: inout Engine.Writer
  ) throws(VecError) -> UInt64 {
    if let label {
      let generation = try Self.writable(collection.requireGeneration(label), of: collection)
      try Collection.checkModel(model, of: generation, in: collection.row.name)
      return try add(generation, collection, &writer)
    }
    if let live = collection.live {
      try Collection.checkModel(model, of: live, in: collection.row.name)
      return try add(try collection.sound(live), collection, &writer)
    }
    if let made = targets.first(where: { $0.value.isNew && $0.value.collection.number == collection.row.number }) {
      try Collection.checkModel(model, of: made.value.generation, in: collection.row.name)
      return made.key
    }
    let number = writer.takeNumber()
    let now = engine.options.now()
    let row = GenerationRow(
      number: number, collection: collection.row.number, label: Engine.freshLabel(in: collection), state: .live,
      index: .flat, createdAt: now, builtAt: now, publishedAt: now, model: model)
    _ = try add(Generation(row: row, segments: []), collection, &writer)
    targets[number]?.isNew = true
    targets[number]?.collection.liveGeneration = number
    return number
  }

  private mutating func add(
    _ generation: Generation, _ collection: Collection, _ writer: inout Engine.Writer
  ) throws(VecError) -> UInt64 {
    let number = generation.row.number
    if targets[number] == nil {
      let state =
        writer.states[number] ?? WriteState(dimension: collection.row.dimension, metric: collection.row.metric, kept: [:])
      writer.states[number] = state
      targets[number] = Target(
        collection: collection.row, generation: generation, state: state, hadLive: collection.live != nil)
    }
    return number
  }

  private static func writable(_ generation: Generation, of collection: Collection) throws(VecError) -> Generation {
    _ = try collection.sound(generation)
    // Its rows would be in two places at once.
    if collection.work[generation.row.label]?.kind == .ingest { try collection.refuseIfBusy(generation.row.label) }
    guard generation.row.state != .building else {
      throw VecError(
        .generationState,
        "generation \(generation.row.label) of \(collection.row.name) is still building: ingest into it, or build its "
          + "index first")
    }
    return generation
  }
}

// MARK: - Commit

extension WriteGroup {
  /// On a full disk the deletes of a group are carried out without its upserts: they alone may use the ballast.
  private mutating func deleteAtLeast(_ writes: [Write], _ writer: inout Engine.Writer) {
    let deletes = accepted.filter(\.write.isDelete).map(\.position)
    guard !deletes.isEmpty, deletes.count < accepted.count else { return }
    for (position, result) in zip(deletes, Self.commit(deletes.map { writes[$0] }, in: engine, &writer)) {
      results[position] = result
    }
  }

  private mutating func log(_ writer: inout Engine.Writer) throws(VecError) {
    guard !accepted.isEmpty else { return }
    var rows: [UInt64: DeltaRow] = [:]
    var begun: [UInt64: DeltaRow] = [:]
    for (number, target) in targets where accepted.contains(where: { $0.generation == number }) {
      if let last = target.state.deltas.last, !engine.options.delta.isFull(last) {
        rows[number] = last.row
      } else {
        let row = DeltaRow(number: writer.takeNumber(), generation: number)
        rows[number] = row
        begun[number] = row
      }
    }
    let isCatalogueChange = !begun.isEmpty
    let byteCount = accepted.reduce(0) { $0 + $1.write.content.count + 12_288 }
    let body = { [self] (transaction: ManifestTransaction) throws(VecError) -> [UInt64: DeltaRow] in
      var rows = rows
      for (number, row) in begun { try begin(row, targets[number], transaction, nextNumber: writer.nextNumber) }
      for one in accepted {
        guard var row = rows[one.generation] else { continue }
        try transaction.append(one.write, to: &row)
        rows[one.generation] = row
      }
      for row in rows.values { try transaction.update(row) }
      return rows
    }
    let isMakingRoom = accepted.allSatisfy(\.write.isDelete)
    let logged =
      isCatalogueChange
      ? try writer.manifest.transaction(makingRoom: isMakingRoom, body)
      : try writer.manifest.log(byteCount: byteCount, makingRoom: isMakingRoom, body)
    for (number, row) in logged {
      guard let target = targets[number] else { continue }
      if begun[number] != nil {
        target.state.deltas.append(
          Delta(row, dimension: target.collection.dimension, metric: target.collection.metric))
      } else {
        target.state.deltas[target.state.deltas.count - 1].row = row
      }
    }
  }

  private func begin(
    _ row: DeltaRow, _ target: Target?, _ transaction: ManifestTransaction, nextNumber: UInt64
  ) throws(VecError) {
    guard let target else { return }
    if target.isNew {
      try transaction.insert(target.generation.row)
      try transaction.update(target.collection)
    }
    try transaction.insert(row, of: target.collection.number)
    try transaction.setNextNumber(nextNumber)
  }

  private mutating func apply(_ writer: inout Engine.Writer) {
    for (number, target) in targets {
      let own = accepted.filter { $0.generation == number }
      guard !own.isEmpty, let delta = target.state.deltas.last?.row.number else { continue }
      let segments = target.generation.segments
      let before = target.state.byteCount
      let counts = target.state.apply(own.map { (delta, $0.write) }, segments: segments)
      target.state.deltas[target.state.deltas.count - 1].code()
      engine.memory.take(target.state.byteCount - before)
      for (one, existing) in zip(own, counts) {
        results[one.position] = .success(
          WriteReceipt(generation: target.generation.row.label, sequence: one.write.sequence, existing: existing))
      }
      let sequence = sequences[target.collection.name]
      engine.update(target.collection.name) { collection in
        if target.isNew { collection.row.liveGeneration = number }
        collection.row.sequence = max(collection.row.sequence, sequence ?? 0)
        var next = collection.generations.first { $0.row.number == number } ?? target.generation
        next.show(target.state)
        collection.replace(next)
      }
    }
  }
}

extension Generation {
  /// Takes over what the writer has carried out.
  mutating func show(_ state: WriteState) {
    live = state.live
    delta = state.deltas.flatMap(\.parts)
  }
}
