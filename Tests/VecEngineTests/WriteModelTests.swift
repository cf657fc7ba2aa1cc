import Testing
import VecCore
import VecEngine
import VecStorage
import VecTestSupport

/// A store under random operations, beside the model.
private final class ModelRun {
  static let dimension = 4
  static let universe: UInt64 = 300
  let fixture: EngineFixture
  var engine: Engine
  var model: WriteModel
  var random: SplitMix64
  var counts: [String: Int] = [:]
  var sequence: UInt64 = 0
  var nextLabel = 0
  var sent: [(token: WriteToken, receipt: WriteReceipt)] = []

  init(metric: Metric, seed: UInt64) throws {
    fixture = try EngineFixture(inMemory: true)
    model = WriteModel(dimension: Self.dimension, metric: metric)
    random = SplitMix64(seed: seed)
    engine = try Self.open(fixture)
    try engine.create("items", dimension: Self.dimension, metric: metric)
  }

  /// Limits so small that everything happens often.
  private static func open(_ fixture: EngineFixture) throws -> Engine {
    try fixture.open { options in
      options.delta.rowsMax = 90
      options.delta.waitingMax = 1_000
      options.upkeep.mergeRows = 200
      options.upkeep.rebuildRows = 100
    }
  }

  func vectors(_ count: Int) -> [Float] {
    // Few values, so that equal scores and equal rows are common.
    (0..<(count * Self.dimension)).map { _ in Float(Int.random(in: 1...9, using: &random)) / 4 }
  }

  func ids(_ most: Int) -> [UInt64] {
    (0..<Int.random(in: 1...most, using: &random)).map { _ in UInt64.random(in: 0..<Self.universe, using: &random) }
  }

  /// A generation to write to: mostly the live one.
  func target() -> String? {
    let others = model.generations.keys.sorted().filter { $0 != model.live }
    return Int.random(in: 0..<10, using: &random) == 0 ? others.randomElement(using: &random) : nil
  }

  func step() throws {
    let number = Int.random(in: 0..<1000, using: &random)
    switch number {
    case 0..<420: try write()
    case 420..<800: try search()
    case 800..<900: try get()
    case 900..<920: try again()
    case 920..<950: try note("upkeep") { _ = try engine.upkeep { false } }
    case 950..<965 where model.live != nil: try note("seal") { _ = try engine.seal("items", generation: nil) }
    case 965..<967 where model.live != nil:
      try note("compact") { _ = try engine.compact("items", generation: nil) { false } }
    case 972..<974: try note("publish", publish)
    case 974..<976: try note("snapshot", snapshot)
    case 978..<980: try note("rollback", rollback)
    case 982..<990: try note("restart", restart)
    default: break
    }
  }

  func note(_ name: String, _ body: () throws -> Void) throws {
    counts[name, default: 0] += 1
    try body()
  }

  private func write() throws {
    var group: [Write] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let token = WriteToken.random(using: &random)
      if Int.random(in: 0..<3, using: &random) == 0 {
        guard model.live != nil else { continue }
        group.append(.delete(DeleteRequest(collection: "items", generation: target(), token: token, ids: ids(12))))
      } else {
        let ids = ids(12)
        group.append(
          .upsert(
            UpsertRequest(
              collection: "items", generation: model.live == nil ? nil : target(), token: token,
              dimension: Self.dimension, ids: ids, vectors: vectors(ids.count))))
      }
    }
    for (write, result) in zip(group, engine.write(group)) {
      let receipt = try result.get()
      #expect(receipt.sequence > sequence)
      sequence = receipt.sequence
      if model.live == nil {
        model.live = receipt.generation
        nextLabel += 1
      }
      let expected: UInt64
      switch write {
      case .upsert(let upsert):
        expected = model.upsert(receipt.generation, upsert.ids, upsert.vectors)
        if let token = upsert.token { sent.append((token, receipt)) }
      case .delete(let delete):
        expected = model.delete(receipt.generation, delete.ids)
        if let token = delete.token { sent.append((token, receipt)) }
      }
      try #require(receipt.existing == expected)
      counts["write", default: 0] += 1
    }
    if sent.count > 200 { sent.removeFirst(100) }
  }

  /// A write that was carried out before comes again, with other content, and changes nothing.
  private func again() throws {
    guard let (token, receipt) = sent.randomElement(using: &random),
      model.generations[receipt.generation] != nil
    else { return }
    counts["repeat", default: 0] += 1
    let repeated = try engine.upsert(
      "items", [1], vectors(1), dimension: Self.dimension, generation: receipt.generation, token: token)
    try #require(repeated.isRepeated && repeated.sequence == receipt.sequence)
  }

  private func search() throws {
    guard let live = model.live else { return }
    counts["search", default: 0] += 1
    let label = target() ?? live
    let query = vectors(1)
    let k = Int.random(in: 1...40, using: &random)
    let found = try engine.exact("items", query, k: k, generation: label)
    try #require(found == model.search(label, query, k: k))
  }

  private func get() throws {
    guard let live = model.live else { return }
    counts["get", default: 0] += 1
    let wanted = ids(20)
    let reply = try engine.get("items", generation: live, ids: wanted)
    let expected = wanted.map { model.generations[live]?[$0] }
    try #require(reply.found == expected.map { $0 != nil })
    try #require(reply.vectors == expected.compactMap { $0 }.flatMap { $0 })
    let rows = try engine.list()[0].liveRowCount
    try #require(rows == UInt64(model.generations[live]?.count ?? 0))
  }

  private func publish() throws {
    nextLabel += 1
    let label = "n\(nextLabel)"
    let all = (0..<Self.universe).filter { _ in Bool.random(using: &random) }
    let rows = vectors(all.count)
    guard !all.isEmpty else { return }
    try engine.load("items", label, ids: all, vectors: rows)
    let type: IndexType = Int.random(in: 0..<4, using: &random) == 0 ? .ivf : .flat
    try engine.beginBuild("items", generation: label, type: type).run()
    _ = model.upsert(label, all, rows)
    _ = try engine.publish("items", label: label, expected: .any)
    if let live = model.live { model.history.append(live) }
    model.live = label
    // Old ones go, so that the store stays small.
    for old in model.generations.keys.sorted() where old != label && !model.history.suffix(2).contains(old) {
      try engine.drop("items", generation: old)
      model.generations[old] = nil
    }
    let known = Set(model.generations.keys)
    model.history.removeAll { !known.contains($0) }
  }

  private func rollback() throws {
    guard let previous = model.history.popLast() else { return }
    model.live = try engine.rollback("items").live
    try #require(model.live == previous)
  }

  /// What a snapshot holds, restored elsewhere, is the store of now: all rows of all generations.
  private func snapshot() throws {
    let (path, elsewhere) = (try engine.snapshot("s").path, fixture.directory + "-restored")
    defer { for each in [elsewhere, fixture.directory + "/snapshots"] { removeTree(each) } }
    let uuid = UUID(high: random.next(), low: random.next())
    try SnapshotRestore(verifying: path).restore(to: elsewhere, uuid: uuid)
    let other = try EngineFixture.open(elsewhere)
    defer { other.close() }
    let labels = Set(try other.generations("items").filter { $0.state != .building }.map(\.label))
    try #require(try labels == Set(model.generations.keys) && other.list()[0].liveGeneration == model.live)
    let query = vectors(1)
    for label in labels {
      try #require(try other.exact("items", query, k: 400, generation: label) == model.search(label, query, k: 400))
    }
  }

  private func restart() throws {
    engine.close()
    engine = try Self.open(fixture)
    try #require(engine.recovery.fences.isEmpty && engine.recovery.doubt == nil)
    if model.live != nil { try #require(try engine.sequence(of: "items") >= sequence) }
  }
}

@Suite struct WriteModelTests {
  @Test(
    "random writes, searches, seals, compactions, publishes, rollbacks, snapshots, restarts give the model's answers bit by bit",
    arguments: [(Metric.ip, 1), (.cosine, 2), (.l2, 3), (.ip, 4)] as [(Metric, UInt64)])
  func model(metric: Metric, seed: UInt64) throws {
    let run = try ModelRun(metric: metric, seed: seed)
    for step in 0..<50_000 {
      do { try run.step() } catch {
        Issue.record("seed \(seed), step \(step): \(error)")
        throw error
      }
    }
    for name in [
      "write", "search", "get", "repeat", "upkeep", "seal", "compact", "publish", "rollback", "snapshot", "restart",
    ] {
      #expect(run.counts[name, default: 0] > 50, "too few of \(name): \(run.counts)")
    }
    run.engine.close()
    print("model \(metric), seed \(seed): \(run.counts.sorted { $0.key < $1.key })")
  }
}
