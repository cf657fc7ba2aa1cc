package import VecCore
import VecManifest

// Making a generation live: one manifest transaction, then one swap in memory.
extension Engine {
  /// Makes a built or retired generation live, if what is live now is what the caller expects.
  package func publish(
    _ name: String, label: String, expected: ExpectedLive
  ) throws(VecError) -> PublishReceipt {
    try withWriter { (writer) throws(VecError) in
      let collection = try collection(name)
      let generation = try collection.sound(try collection.requireGeneration(label))
      try Self.check(expected, against: collection)
      guard generation.row.state != .building else {
        throw VecError(
          .generationState, "generation \(label) of \(name) is still building: run build-index on it, then publish")
      }
      try collection.refuseIfBusy(label, besidesUpkeep: true)
      if generation.row.state == .live {
        return PublishReceipt(sequence: collection.row.sequence, live: label, replaced: label)
      }
      return try makeLive(generation, of: collection, replacing: collection.live?.row.number, &writer)
    }
  }

  /// Makes live again what the live generation replaced.
  package func rollback(_ name: String) throws(VecError) -> PublishReceipt {
    try withWriter { (writer) throws(VecError) in
      let collection = try collection(name)
      guard let live = collection.live else {
        throw VecError(.noPreviousGeneration, "collection \(name) has nothing live, so nothing to roll back")
      }
      guard let previous = collection.generations.first(where: { $0.row.number == live.row.replaced }) else {
        throw VecError(
          .noPreviousGeneration,
          "generation \(live.row.label) of \(name) replaced nothing that is still there: publish one by its label")
      }
      let sound = try collection.sound(previous)
      try collection.refuseIfBusy(previous.row.label, besidesUpkeep: true)
      // What the earlier generation itself replaced stays: a second rollback goes one step further back.
      return try makeLive(sound, of: collection, replacing: previous.row.replaced, &writer)
    }
  }

  private static func check(_ expected: ExpectedLive, against collection: Collection) throws(VecError) {
    let live = collection.live?.row.label
    switch expected {
    case .any: return
    case .nothing where live == nil: return
    case .label(let label) where label == live: return
    case .nothing:
      throw VecError(
        .liveGenerationChanged, "expected nothing live in \(collection.row.name), but \(live ?? "") is: look, then decide")
    case .label(let label):
      throw VecError(
        .liveGenerationChanged,
        "expected \(Names.quoted(label)) to be live in \(collection.row.name), but \(live ?? "nothing") is: "
          + "look, then decide")
    }
  }

  private func makeLive(
    _ generation: Generation, of collection: Collection, replacing replaced: UInt64?, _ writer: inout Writer
  ) throws(VecError) -> PublishReceipt {
    var next = generation
    next.row.state = .live
    next.row.publishedAt = options.now()
    next.row.replaced = replaced
    var old = collection.live
    old?.row.state = .retired
    var row = collection.row
    row.sequence += 1
    row.liveGeneration = next.row.number
    try writer.manifest.transaction { [old, row, next] (transaction) throws(VecError) in
      if let old { try transaction.update(old.row) }
      try transaction.update(next.row)
      try transaction.update(row)
    }
    update(row.name) { [old, row, next] in
      if let old { $0.replace(old) }
      $0.replace(next)
      $0.row = row
    }
    return PublishReceipt(sequence: row.sequence, live: next.row.label, replaced: old?.row.label)
  }
}
