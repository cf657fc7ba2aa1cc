import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Named sets of excluded ids") struct NamedExclusionTests {
  private static let dimension = 6
  private let clock = HeldClock(1_800_000_000_000)

  private func open(_ fixture: EngineFixture, memoryBudget: Int = 1 << 30) throws -> Engine {
    let clock = clock
    return try fixture.open(memoryBudget: memoryBudget) { $0.now = { clock.now } }
  }

  /// A collection `c` of 2,000 rows.
  private func store(_ fixture: EngineFixture) throws -> Engine {
    let engine = try open(fixture)
    try engine.create("c", dimension: Self.dimension, metric: .ip)
    try engine.release("c", "g1", ids: Array(0..<2_000), vectors: randomRows(2_000, Self.dimension, seed: 1))
    return engine
  }

  private func ids(
    _ engine: Engine, _ queries: [Float], k: Int = 30, excluded: [IDSet] = [], sets: [String] = []
  ) throws -> [UInt64] {
    try engine.search(
      SearchRequest(
        collection: "c", k: k, effort: .exact, dimension: Self.dimension, vectors: queries, excluded: excluded,
        excludeSets: sets)
    ) { false }.ids
  }

  @Test("hold what the plainest model holds, through restarts, merges of their parts and ends of lives", arguments: [3, 4])
  func model(seed: UInt64) throws {
    let fixture = try EngineFixture(inMemory: true)
    var engine = try store(fixture)
    var model = ExclusionModel()
    var random = SplitMix64(seed: seed)
    let names = ["a", "user-17", "B.c:d_e", String(repeating: "x", count: 64)]
    for step in 0..<1_500 {
      let name = names[Int.random(in: 0..<names.count, using: &random)]
      switch Int.random(in: 0..<20, using: &random) {
      case 0: #expect(try engine.forget("c", name) == (model.sets.removeValue(forKey: name) != nil))
      case 1: clock.now += Int64.random(in: 0...40_000, using: &random)
      case 2 where step % 7 == 0:
        engine.close()
        engine = try open(fixture)
      case 3:
        // The clock is set back now and then.
        clock.now -= Int64.random(in: 0...10_000, using: &random)
      case 4:
        for name in names where model.list(name, at: clock.now).ids.isEmpty { model.sets[name] = nil }
        _ = try engine.forgetEndedExclusions(limit: 10)
      default:
        let count = Int.random(in: 1...30, using: &random)
        let appended = (0..<count).map { _ in UInt64.random(in: 0..<300, using: &random) }
        let seconds = Bool.random(using: &random) ? UInt32.random(in: 1...60, using: &random) : nil
        let held = try engine.exclude("c", name, appended, seconds: seconds)
        #expect(held == model.append(name, appended, seconds: seconds, at: clock.now))
      }
      clock.now += 500
      for name in names {
        #expect(try engine.exclusions("c", set: name) == model.list(name, at: clock.now), "step \(step), \(name)")
      }
    }
    #expect(try engine.verify(nil).findings.isEmpty)
    engine.close()
  }

  @Test("exclude what their ids exclude when they come with the request, alone, with others, and of each query its own")
  func search() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    let queries = (0..<4).map { randomRows(1, Self.dimension, seed: 20 + $0) }
    let seen = try queries.map { IDSet(try ids(engine, $0, k: 50)) }
    for (user, set) in seen.enumerated() { try engine.exclude("c", "u\(user)", set.ids.reversed()) }
    #expect(try ids(engine, queries[0], sets: ["u0"]) == ids(engine, queries[0], excluded: [seen[0]]))
    #expect(try ids(engine, queries[0], sets: ["u0"]).count == 30)
    let more = IDSet(try ids(engine, queries[0], excluded: [seen[0]]))
    #expect(
      try ids(engine, queries[0], excluded: [more], sets: ["u0"])
        == ids(engine, queries[0], excluded: [IDSet(more.ids + seen[0].ids)]))
    let all = queries.flatMap { $0 }
    let own = try ids(engine, all, excluded: seen)
    #expect(try ids(engine, all, sets: ["u0", "u1", "u2", "u3"]) == own && own.count == 120)
    #expect(try ids(engine, all, sets: ["u1"]) == ids(engine, all, excluded: [seen[1]]))
    #expect(
      try ids(engine, all, excluded: [seen[2]], sets: ["", "u1", "unknown", "u3"])
        == ids(engine, all, excluded: [seen[2], IDSet(seen[2].ids + seen[1].ids), seen[2], IDSet(seen[2].ids + seen[3].ids)]))
    #expect(
      try ids(engine, all, excluded: seen, sets: ["u1"])
        == ids(engine, all, excluded: seen.map { IDSet($0.ids + seen[1].ids) }))
    #expect(try ids(engine, queries[0], sets: ["unknown"]) == ids(engine, queries[0]))
    let message = expectError(.invalidArgument) { _ = try ids(engine, all, sets: ["u0", "u1"]) }
    #expect(message.contains("2 names of exclude sets for 4 queries"))
  }

  @Test("let an id back when its life ends, and keep the later end of two")
  func ends() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    let query = randomRows(1, Self.dimension, seed: 5)
    let best = try ids(engine, query, k: 4)
    let start = clock.now
    try engine.exclude("c", "u", [best[0], best[1]], seconds: 10)
    try engine.exclude("c", "u", [best[1]], seconds: 5)
    try engine.exclude("c", "u", [best[2]], seconds: 5)
    try engine.exclude("c", "u", [best[2]], seconds: 20)
    #expect(try ids(engine, query, k: 1, sets: ["u"]) == [best[3]])
    clock.now = start + 9_999
    #expect(try engine.exclusions("c", set: "u").ids == [best[0], best[1], best[2]].sorted())
    clock.now = start + 10_000
    #expect(try ids(engine, query, k: 1, sets: ["u"]) == [best[0]])
    #expect(try engine.exclusions("c", set: "u") == Exclusions(ids: [best[2]], ends: [start + 20_000]))
    #expect(try engine.forgetEndedExclusions(limit: 5) == 0)
    clock.now = start + 20_000
    #expect(try engine.statistics.exclusionSets.sets == 1 && engine.forgetEndedExclusions(limit: 5) == 1)
    #expect(engine.statistics.exclusionSets.sets == 0 && engine.statistics.exclusionSets.bytes == 0)
    #expect(try !engine.forget("c", "u"))
  }

  @Test("hold 65,536 ids: those appended first leave, the same after a restart")
  func greatestSet() throws {
    let fixture = try EngineFixture(inMemory: true)
    var engine = try store(fixture)
    // Half of them live a minute: what the end of their lives made room for is not given up later.
    try engine.exclude("c", "u", Array(0..<30_000))
    try engine.exclude("c", "u", Array(30_000..<60_000), seconds: 60)
    clock.now += 60_000
    #expect(try engine.exclude("c", "u", Array(100_000..<130_000)) == 60_000)
    #expect(try engine.exclude("c", "u", Array(200_000..<210_000)) == 65_536)
    try engine.exclude("c", "u", [5_000, 4_464])
    let expected = [4_464] + Array(4_465..<30_000) + Array(100_000..<130_000) + Array(200_000..<210_000)
    for _ in 0..<2 {
      #expect(try engine.exclusions("c", set: "u").ids == expected.map { UInt64($0) })
      engine.close()
      engine = try open(fixture)
    }
    #expect(try engine.exclude("c", "u", Array(500_000..<565_536)) == 65_536)
    #expect(try engine.exclusions("c", set: "u").ids.first == 500_000)
    engine.close()
  }

  @Test("belong to their collection: they stay when another generation is published, and go with it")
  func collections() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture)
    try engine.create("d", dimension: 2, metric: .l2)
    try engine.exclude("c", "u", [1, 2, 3])
    try engine.exclude("d", "u", [9])
    try engine.release("c", "g2", ids: Array(0..<100), vectors: randomRows(100, Self.dimension, seed: 2))
    #expect(try engine.exclusions("c", set: "u").ids == [1, 2, 3])
    #expect(try !ids(engine, randomRows(1, Self.dimension, seed: 3), k: 100, sets: ["u"]).contains(1))
    expectError(.collectionNotFound) { try engine.exclude("e", "u", [1]) }
    try engine.drop("c", generation: nil)
    try engine.create("c", dimension: Self.dimension, metric: .ip)
    for _ in 0..<2 {
      #expect(try engine.exclusions("c", set: "u").ids.isEmpty && engine.exclusions("d", set: "u").ids == [9])
      #expect(engine.statistics.exclusionSets.sets == 1)
      engine.close()
      engine = try open(fixture)
    }
    #expect(try engine.verify(nil).findings.isEmpty)
    engine.close()
  }

  @Test("of one commit count one after the other, and one that is refused leaves the others alone")
  func group() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    func append(_ ids: [UInt64], _ set: String = "u") -> ExclusionWrite {
      .append(ExcludeRequest(collection: "c", set: set, ids: ids))
    }
    let forget = ExclusionWrite.forget(NamedSetRequest(collection: "c", set: "u"))
    let results = engine.exclude(
      [forget, append([1, 2]), append([2, 3]), append([7], "a b"), forget, forget, append([4]), append([]), append([5], "v")])
    #expect(results.map { (try? $0.get()) ?? 99 } == [0, 2, 3, 99, 1, 0, 1, 99, 1])
    #expect(try engine.exclusions("c", set: "u").ids == [4] && engine.exclusions("c", set: "v").ids == [5])
    #expect(expectError(.invalidArgument) { _ = try results[3].get() }.contains("exclude set \"a b\""))
    #expect(expectError(.invalidArgument) { _ = try results[7].get() }.contains("the number of ids in one exclude is 0"))
    expectError(.limitExceeded) { try engine.exclude("c", "u", .init(repeating: 1, count: 65_537)) }
  }

  @Test("do not take more memory than a quarter of the budget")
  func memory() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try open(fixture, memoryBudget: 8 << 20)
    defer { engine.close() }
    try engine.create("c", dimension: 2, metric: .ip)
    try engine.exclude("c", "u", Array(0..<65_000))
    let message = expectError(.limitExceeded) { try engine.exclude("c", "v", Array(0..<65_000)) }
    #expect(message.contains("at most 2097152") && message.contains("forget some"))
    try engine.exclude("c", "u", [70_000])
    try engine.forget("c", "u")
    try engine.exclude("c", "v", Array(0..<65_000))
  }
}
