import Synchronization
package import VecCore
import VecManifest
import VecStorage

// Making generations live: what was asked for is checked, one manifest transaction, one swap in memory.
extension Engine {
  /// Makes a built or retired generation live, if what is live now is what the caller expects.
  package func publish(
    _ name: String, label: String, expected: ExpectedLive
  ) throws(VecError) -> PublishReceipt {
    let request = PublishRequest(collection: name, generation: label, expected: expected)
    guard let receipt = try publish([request]).first else { throw VecError(.internalDefect, "a publish was lost") }
    return receipt
  }

  /// Makes generations of several collections live at once, if every check of every one of them holds; a dry run only says
  /// what would be. Long when there are checks that search.
  ///
  /// - Parameter shouldStop: asked every so often while it searches; true ends with `deadline-exceeded`.
  /// - Throws: `publish-refused`, `live-generation-changed`, `generation-state`, `busy`; then nothing is changed.
  package func publish(
    _ requests: [PublishRequest], shouldStop: @escaping () -> Bool = { false }
  ) throws(VecError) -> [PublishReceipt] {
    try PublishRequest.check(requests)
    var reports: [PublishReport] = []
    for request in requests { reports.append(try inspect(request, shouldStop)) }
    if requests.contains(where: \.checks.isDryRun) { return try foretell(requests, reports) }
    let refusals = reports.compactMap(\.refusal)
    guard refusals.isEmpty else { throw VecError(.publishRefused, refusals.joined(separator: "; ")) }
    for request in requests { warm(request) }
    return try withWriter { (writer) throws(VecError) in
      var switches: [Switch] = []
      for (request, report) in zip(requests, reports) { switches.append(try prepareSwitch(request, report)) }
      try makeLive(switches, &writer)
      return zip(switches, reports).map { one, report in
        PublishReceipt(
          sequence: one.row.sequence, live: one.next.row.label, replaced: one.replaced, report: report.json.text)
      }
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
      let one = Switch(sound, of: collection, replacing: previous.row.replaced, now: options.now())
      try makeLive([one], &writer)
      return PublishReceipt(sequence: one.row.sequence, live: one.next.row.label, replaced: one.replaced)
    }
  }

  private func inspect(_ request: PublishRequest, _ shouldStop: @escaping () -> Bool) throws(VecError) -> PublishReport {
    // What is wrong anyhow is said before anything long is measured.
    _ = try candidate(request)
    return try PublishInspection(self, request, shouldStop: shouldStop).report()
  }

  /// The generation, if it may go live as things are.
  private func candidate(_ request: PublishRequest) throws(VecError) -> (Collection, Generation) {
    let collection = try collection(request.collection)
    let (name, label) = (request.collection, request.generation)
    let generation = try collection.sound(try collection.requireGeneration(label))
    try Self.check(request.expected, against: collection)
    guard generation.row.state != .building else {
      throw VecError(
        .generationState, "generation \(label) of \(name) is still building: run build-index on it, then publish")
    }
    try collection.refuseIfBusy(label, besidesUpkeep: true)
    return (collection, generation)
  }

  private func foretell(_ requests: [PublishRequest], _ reports: [PublishReport]) throws(VecError) -> [PublishReceipt] {
    var receipts: [PublishReceipt] = []
    for (request, report) in zip(requests, reports) {
      let collection = try collection(request.collection)
      receipts.append(
        PublishReceipt(
          sequence: collection.row.sequence, live: request.generation, replaced: collection.live?.row.label,
          report: report.json.text))
    }
    return receipts
  }

  /// So that the first searches after the switch find what they scan.
  private func warm(_ request: PublishRequest) {
    guard let generation = try? collection(request.collection).readable(request.generation) else { return }
    prepare(generation)
    for segment in generation.segments { segment.file.advise(.willNeed) }
  }

  /// As things are under the writer lock. What was measured must be what goes live.
  private func prepareSwitch(_ request: PublishRequest, _ report: PublishReport) throws(VecError) -> Switch {
    let (collection, generation) = try candidate(request)
    if !request.checks.isEmpty {
      guard report.generation.number == generation.row.number, report.generation.builtAt == generation.row.builtAt else {
        throw VecError(
          .busy, "generation \(request.generation) of \(request.collection) was built anew while it was checked: publish again")
      }
      guard report.live?.number == collection.live?.row.number || collection.live?.fence != nil else {
        throw VecError(
          .liveGenerationChanged,
          "\(collection.live?.row.label ?? "nothing") went live in \(request.collection) while \(request.generation) was checked "
            + "against another one: publish again")
      }
    }
    if generation.row.state == .live { return Switch(unchanged: generation, of: collection) }
    return Switch(generation, of: collection, replacing: collection.live?.row.number, now: options.now())
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

  private func makeLive(_ switches: [Switch], _ writer: inout Writer) throws(VecError) {
    let real = switches.filter { !$0.isUnchanged }
    guard !real.isEmpty else { return }
    try writer.manifest.transaction { (transaction) throws(VecError) in
      for one in real {
        if let old = one.old { try transaction.update(old.row) }
        try transaction.update(one.next.row)
        try transaction.update(one.row)
      }
    }
    // All at once: nobody sees one of them live and another not.
    state.withLock { state in
      for one in real { one.apply(to: &state.collections[one.row.name]) }
    }
  }
}

/// One generation going live in place of another.
private struct Switch {
  var next: Generation
  var old: Generation?
  var row: CollectionRow
  /// The label that was live.
  let replaced: String?
  /// It is live already.
  var isUnchanged = false

  init(_ generation: Generation, of collection: Collection, replacing replaced: UInt64?, now: Int64) {
    next = generation
    next.row.state = .live
    next.row.publishedAt = now
    next.row.replaced = replaced
    old = collection.live
    old?.row.state = .retired
    row = collection.row
    row.sequence += 1
    row.liveGeneration = next.row.number
    self.replaced = old?.row.label
  }

  init(unchanged generation: Generation, of collection: Collection) {
    next = generation
    row = collection.row
    replaced = generation.row.label
    isUnchanged = true
  }

  func apply(to collection: inout Collection?) {
    if let old { collection?.replace(old) }
    collection?.replace(next)
    collection?.row = row
  }
}
