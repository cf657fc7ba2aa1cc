import Synchronization
package import VecCore
import VecManifest

// Collections: create, list, drop; and the list of generations.
extension Engine {
  /// Makes an empty collection. `.collectionExists` when the name is taken.
  ///
  /// - Parameters:
  ///   - attributes: that items may have, in the order of their positions.
  ///   - ids: what items are known by.
  package func create(
    _ name: String, dimension: Int, metric: Metric, attributes: [AttributeDefinition] = [], ids: IDKind = .number
  ) throws(VecError) {
    try Names.checkCollection(name)
    try Limits.check(dimension, 1...Limits.dimensionMax, "dimension")
    try AttributeDefinition.check(attributes)
    try withWriter { (writer) throws(VecError) in
      guard state.withLock({ $0.collections[name] == nil }) else {
        throw VecError(.collectionExists, "collection \(name) exists already: drop it first, or choose another name")
      }
      let row = CollectionRow(
        number: writer.takeNumber(), name: name, dimension: dimension, metric: metric, createdAt: options.now(),
        attributes: attributes, ids: ids)
      let next = writer.nextNumber
      try writer.manifest.transaction { (transaction) throws(VecError) in
        try transaction.insert(row)
        try transaction.setNextNumber(next)
      }
      state.withLock { $0.collections[name] = Collection(row: row, generations: []) }
    }
  }

  /// Adds an attribute, which items that are there have no value for.
  ///
  /// - Returns: its position.
  /// - Throws: `invalid-argument` for a name that is taken or illegal, `limit-exceeded` when there are as many as may be.
  package func addAttribute(_ attribute: AttributeDefinition, to name: String) throws(VecError) -> Int {
    try withWriter { (writer) throws(VecError) in
      var row = try collection(name).row
      let position = row.attributes.count
      row.attributes.append(attribute)
      try AttributeDefinition.check(row.attributes)
      row.sequence += 1
      try writer.manifest.transaction { [row] (transaction) throws(VecError) in
        try transaction.insert([attribute], from: position, of: row.number)
        try transaction.update(row)
      }
      update(name) { [row] in $0.row = row }
      return position
    }
  }

  /// What a collection is and what its items may have.
  package func describe(_ name: String) throws(VecError) -> CollectionDescription {
    let row = try collection(name).row
    return CollectionDescription(
      dimension: row.dimension, metric: row.metric, attributes: row.attributes, settings: row.settings, ids: row.ids)
  }

  /// All collections in order of name, fenced ones too.
  package func list() throws(VecError) -> [CollectionInfo] {
    state.withLock { $0.collections.values.sorted { $0.row.name < $1.row.name } }.map { collection in
      CollectionInfo(
        name: collection.row.name, dimension: collection.row.dimension, metric: collection.row.metric,
        sequence: collection.row.sequence, liveGeneration: collection.live?.row.label,
        liveRowCount: collection.live?.rowCount ?? 0, generationCount: collection.generations.count,
        fence: collection.damage)
    }
  }

  /// Removes a collection, or one generation that is not live. Files go when the last search on them has ended.
  package func drop(_ name: String, generation label: String?) throws(VecError) {
    if let label {
      try dropGeneration(name, label)
      return
    }
    try withWriter { (writer) throws(VecError) in
      let collection = try anyCollection(name)
      for held in collection.work.keys { try refuseDrop(held, of: collection) }
      try writer.manifest.transaction(makingRoom: true) { (transaction) throws(VecError) in
        try transaction.deleteCollection(named: name)
      }
      state.withLock { $0.collections[name] = nil }
      exclusions.change { $0.drop(collection.row.number) }
      biases.change { $0.drop(collection.row.number) }
      collection.reservoir.setCapacity(0, dimension: collection.row.dimension, memory)
      for generation in collection.generations { forget(generation, &writer) }
      for segment in collection.generations.flatMap(\.segments) { segment.retire() }
    }
  }

  private func dropGeneration(_ name: String, _ label: String) throws(VecError) {
    try withWriter { (writer) throws(VecError) in
      var collection = try collection(name)
      let generation = try collection.requireGeneration(label)
      try refuseDrop(label, of: collection)
      guard generation.row.state != .live else {
        throw VecError(
          .generationState, "generation \(label) of \(name) is live: publish another one first, or drop the collection")
      }
      collection.row.sequence += 1
      let row = collection.row
      try writer.manifest.transaction(makingRoom: true) { (transaction) throws(VecError) in
        try transaction.delete(generation.row)
        try transaction.update(row)
      }
      update(name) {
        $0.row = row
        $0.generations.removeAll { $0.row.number == generation.row.number }
        $0.buildErrors[label] = nil
      }
      forget(generation, &writer)
      for segment in generation.segments { segment.retire() }
    }
  }

  /// Nothing is dropped while somebody works on it. Upkeep is called off, so that the next try succeeds.
  private func refuseDrop(_ label: String, of collection: Collection) throws(VecError) {
    if let work = collection.work[label], work.kind == .upkeep {
      work.build?.value?.isCalledOff.store(true, ordering: .relaxed)
    }
    try collection.refuseIfBusy(label)
  }

  /// What the writer knew of a generation that is gone.
  private func forget(_ generation: Generation, _ writer: inout Writer) {
    guard let state = writer.states.removeValue(forKey: generation.row.number) else { return }
    memory.giveBack(state.byteCount)
  }

  /// The generations of a collection, oldest first.
  package func generations(_ name: String) throws(VecError) -> [GenerationInfo] {
    let collection = try anyCollection(name)
    return collection.generations.map { generation in
      let row = generation.row
      let work = collection.work[row.label]
      return GenerationInfo(
        label: row.label, number: row.number, state: row.state, index: row.index, rowCount: generation.rowCount,
        byteCount: generation.byteCount, segmentCount: generation.segments.count, createdAt: row.createdAt,
        builtAt: row.builtAt, publishedAt: row.publishedAt,
        buildProgress: work?.build == nil ? nil : work?.progress, buildError: collection.buildErrors[row.label],
        model: row.model)
    }
  }
}
