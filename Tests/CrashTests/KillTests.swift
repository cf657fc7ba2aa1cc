import Foundation
import Testing
import VecCore
import VecProtocol

/// Promises 1 and 2: whatever is killed when, the store opens to the state before or after the step under way.
@Suite(.serialized) struct KillTests {
  @Test("300 kills during ingest, build, publish, rollback, drop and recovery: always the old or the new state")
  func kills() throws {
    var scenario = Scenario(seed: 20_261_124)
    let daemon = try DaemonProcess()
    var coverage: [String: Int] = [:]
    let aims = Step.kinds + ["recovery"]
    for cycle in 0..<300 {
      let aim = aims[cycle % aims.count]
      // Some kills are aimed at the start itself, so recovery is cut short too, every other time twice in a row.
      if aim == "recovery" {
        for _ in 0...(cycle / aims.count % 2) {
          let delay = Double.random(in: 0...0.012, using: &scenario.random)
          coverage[try daemon.startAndKill(after: delay) ? "recovery" : "start", default: 0] += 1
        }
        continue
      }
      try daemon.start()
      let client = try #require(daemon.connect(), "cycle \(cycle): vecd does not come up")
      try scenario.reconcile(with: client, daemon, cycle: cycle)
      let interrupted = scenario.run(on: client, aimingAt: aim) { Killer(daemon.pid, after: $0) }
      daemon.kill()
      for name in Set([interrupted, String(interrupted.prefix { $0 != " " })]) { coverage[name, default: 0] += 1 }
    }
    try daemon.start()
    let client = try #require(daemon.connect())
    try scenario.reconcile(with: client, daemon, cycle: 300)
    #expect(scenario.acknowledged > 100, "too little happened to prove anything: \(scenario.acknowledged) steps")
    for (kind, floor) in Self.floors {
      #expect(coverage[kind, default: 0] >= floor, "the kills hardly hit \(kind): \(coverage)")
    }
    print("kills by what they hit: \(coverage.sorted { $0.key < $1.key }), \(scenario.acknowledged) steps acknowledged")
  }

  /// Of about 50 kills aimed at each kind, how many must have hit it while it was under way.
  static let floors = [
    "ingest": 20, "build": 20, "publish": 10, "rollback": 10, "drop": 10, "recovery": 15,
    "build flat": 3, "build ivf": 3, "build hnsw": 3, "build auto": 3,
  ]
}

/// Kills a process after a while, from a thread of its own.
private final class Killer: @unchecked Sendable {
  // Only the semaphore is shared.
  private let done = DispatchSemaphore(value: 0)

  init(_ pid: pid_t, after seconds: Double) {
    let done = done
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: seconds)
      Foundation.kill(pid, SIGKILL)
      done.signal()
    }
  }

  func wait() { done.wait() }
}

/// The steps, what was acknowledged, and the one whose outcome is unknown.
private struct Scenario {
  var random: SplitMix64
  private(set) var acknowledged = 0
  private var model = CatalogueModel()
  private var pending: Step?
  private var isCreated = false
  private var nextNumber = 1
  /// Seconds that a step of each name took last: a kill aimed at one comes within them.
  private var durations: [String: Double] = [:]

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// Does steps until the daemon is gone; returns the name of the step that was under way.
  /// - Parameter arm: starts the killer, which strikes after so many seconds; called when a step of the kind aimed at is
  ///   about to begin.
  mutating func run(on client: WireClient, aimingAt aim: String, arm: (Double) -> Killer) -> String {
    var killer: Killer?
    defer { killer?.wait() }
    for count in 0... {
      let step = nextStep()
      // Not every kind is possible soon: after some steps any will do.
      if killer == nil, step.kind == aim || count > 40 {
        killer = arm(Double.random(in: 0...(durations[step.name] ?? 0.005), using: &random))
      }
      let start = ContinuousClock.now
      do {
        try step.run(on: client)
        accept(step)
        acknowledged += 1
        durations[step.name] = (ContinuousClock.now - start) / .seconds(1)
      } catch is WireClient.Lost {
        pending = step
        return step.name
      } catch {
        Issue.record("step \(step) was refused: \(error)")
        return "refused"
      }
    }
    return "nothing"
  }

  private mutating func accept(_ step: Step) {
    model = step.applied(to: model)
    if step == .create { isCreated = true }
    if case .ingest(let number) = step { nextNumber = max(nextNumber, number + 1) }
  }

  /// Two ingests, build, publish; now and then a rollback; old generations are dropped.
  private mutating func nextStep() -> Step {
    guard isCreated else { return .create }
    if model.generations.count > 4, let old = model.generations.first(where: { $0.state == .retired }) {
      return .drop(old.number)
    }
    if let open = model.generations.last(where: { $0.state == .building }) {
      return open.parts < 2 ? .ingest(open.number) : .build(open.number)
    }
    if let built = model.generations.last(where: { $0.state == .built }) { return .publish(built.number) }
    let canRollBack = model.live.flatMap { $0.replaced }.flatMap { model[$0] } != nil
    if canRollBack, Int.random(in: 0..<4, using: &random) == 0 { return .rollback }
    return .ingest(nextNumber)
  }

  /// Demands that the daemon holds the state before or after the pending step, and that what is live answers rightly.
  mutating func reconcile(with client: WireClient, _ daemon: DaemonProcess, cycle: Int) throws {
    guard case .list(let collections) = try client.call(.list) else { return }
    #expect(collections.allSatisfy { $0.fence == nil }, "cycle \(cycle): \(collections.map(\.fence))")
    if let step = pending {
      pending = nil
      let after = step.applied(to: model)
      let found = try observed(client, isThere: !collections.isEmpty)
      let isOld = matches(found, model) && (step != .create || collections.isEmpty)
      let isNew = matches(found, after) && (step != .create || !collections.isEmpty)
      #expect(isOld || isNew, "cycle \(cycle): after \(step) the store holds \(found), neither old nor new")
      if isNew && !isOld || (step == .create && !collections.isEmpty) { accept(step) }
    } else {
      #expect(matches(try observed(client, isThere: !collections.isEmpty), model), "cycle \(cycle)")
    }
    try checkLive(client, cycle: cycle)
    if isCreated { try checkFiles(client, daemon, cycle: cycle) }
  }

  private func observed(_ client: WireClient, isThere: Bool) throws -> [GenerationInfo] {
    guard isThere else { return [] }
    let reply = try client.call(.generations(GenerationsRequest(collection: CatalogueModel.collection)))
    guard case .generations(let found, _) = reply else { return [] }
    return found
  }

  private func matches(_ found: [GenerationInfo], _ model: CatalogueModel) -> Bool {
    found.map(\.label) == model.generations.map(\.label) && found.map(\.state) == model.generations.map(\.state)
      && found.map { Int($0.rowCount) } == model.generations.map { $0.parts * CatalogueModel.rowsPerPart }
  }

  private mutating func checkLive(_ client: WireClient, cycle: Int) throws {
    guard let live = model.live else { return }
    let row = Int.random(in: 0..<(live.parts * CatalogueModel.rowsPerPart), using: &random)
    let vector = CatalogueRow.vector(live.number, row)
    let search = SearchRequest(
      collection: CatalogueModel.collection, k: 20, dimension: CatalogueModel.dimension, vectors: vector)
    guard case .search(let reply) = try client.call(.search(search)) else { return }
    #expect(reply.generation == live.label && reply.ids.count == 20, "cycle \(cycle)")
    #expect(reply.ids.allSatisfy { $0 / 1_000_000 == UInt64(live.number) }, "cycle \(cycle): ids of another generation")
    let get = GetRequest(collection: CatalogueModel.collection, ids: [CatalogueRow.id(live.number, row)])
    guard case .get(let got) = try client.call(.get(get)) else { return }
    #expect(got.vectors == vector, "cycle \(cycle): row \(row) of \(live.label) came back changed")
  }

  /// No leftovers, no missing files, no damaged bytes.
  private func checkFiles(_ client: WireClient, _ daemon: DaemonProcess, cycle: Int) throws {
    let segments = try observed(client, isThere: true).reduce(0) { $0 + $1.segmentCount }
    #expect(daemon.segmentFiles.count == segments, "cycle \(cycle): \(daemon.segmentFiles)")
    guard case .verify(let report) = try client.call(.verify(collection: nil)) else { return }
    #expect(report.findings.isEmpty, "cycle \(cycle): \(report.findings)")
  }
}
