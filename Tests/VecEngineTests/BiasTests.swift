import Testing
import VecAttributes
import VecCore
import VecEngine
import VecTestSupport

extension Engine {
  @discardableResult
  func bias(_ name: String, _ set: String, _ biases: [UInt64: Float]) throws -> UInt64 {
    let ids = biases.keys.sorted()
    return try bias([.put(BiasRequest(collection: name, set: set, ids: ids, values: ids.map { biases[$0] ?? 0 }))])[0].get()
  }

  @discardableResult
  func forgetBiases(_ name: String, _ set: String) throws -> Bool {
    try bias([.forget(NamedSetRequest(collection: name, set: set))])[0].get() == 1
  }
}

@Suite("Biases of items") struct BiasTests {
  private static let dimension = 8
  private static let rowCount = 3_000

  /// Segments with indexes, dead rows, and a delta of single writes; an attribute `brand` of ids modulo 7.
  private func store(
    _ fixture: EngineFixture, _ type: IndexType?, metric: Metric = .ip
  ) throws -> Engine {
    let engine = try fixture.open(segmentRows: 1_300)
    try engine.create("c", dimension: Self.dimension, metric: metric, attributes: [.init(name: "brand", type: .int)])
    let rows = randomRows(Self.rowCount, Self.dimension, seed: 1)
    try engine.fillBranded("c", rows, dimension: Self.dimension, loaded: 2_600, index: type)
    _ = try engine.write([.delete(DeleteRequest(collection: "c", ids: Array(100..<160)))])[0].get()
    return engine
  }

  private func request(
    _ queries: [Float], k: Int = 40, interests: Int = 1, bias: String?, _ change: (inout SearchRequest) -> Void = { _ in }
  ) -> SearchRequest {
    var request = SearchRequest(
      collection: "c", k: k, effort: .exact, interests: interests, dimension: Self.dimension, vectors: queries, bias: bias)
    change(&request)
    return request
  }

  /// The definition: all items by their scores without biases, and these added.
  private func truth(_ engine: Engine, _ request: SearchRequest, _ biases: [UInt64: Float]) throws -> [[Hit]] {
    var plain = request
    (plain.bias, plain.k, plain.scoreLimit) = (nil, Self.rowCount, nil)
    let reply = try engine.search(plain) { false }
    var first = 0
    return reply.resultCounts.map { count in
      defer { first += Int(count) }
      let all = (first..<(first + Int(count))).map { place in
        Hit(
          id: reply.ids[place], score: reply.scores[place] + (biases[reply.ids[place]] ?? 0), interest: reply.interests[place])
      }
      let sorted = all.sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
      return Array(sorted.filter { $0.score >= request.scoreLimit ?? -.infinity }.prefix(request.k))
    }
  }

  private struct Hit: Equatable {
    var id: UInt64
    var score: Float
    var interest: UInt8
  }

  private func hits(_ reply: SearchReply) -> [[Hit]] {
    var first = 0
    return reply.resultCounts.map { count in
      defer { first += Int(count) }
      return (first..<(first + Int(count))).map {
        Hit(id: reply.ids[$0], score: reply.scores[$0], interest: reply.interests[$0])
      }
    }
  }

  private static func sets(seed: UInt64) -> [(name: String, biases: [UInt64: Float])] {
    var random = SplitMix64(seed: seed)
    func some(_ ids: [UInt64], _ range: ClosedRange<Float>) -> [UInt64: Float] {
      Dictionary(uniqueKeysWithValues: ids.map { ($0, Float.random(in: range, using: &random)) })
    }
    let all = (0..<UInt64(rowCount)).map { $0 }
    return [
      ("few", some(all.filter { $0 % 97 == 3 }, 0.5...3)), ("penalties", some(all.filter { $0 % 3 == 0 }, -4 ... -0.5)),
      ("all", some(all, -2...2)), ("large", some(all.filter { $0 % 5 == 1 }, -1e9...1e9)),
      ("equal", all.reduce(into: [:]) { $0[$1] = 1 }), ("others", some(Array(1_000_000..<1_000_300), 1...2)),
    ]
  }

  @Test(
    "are in the scores, and the results are exactly the best by them, with every index, metric, and part of a generation",
    arguments: [IndexType.flat, .ivf, .hnsw], [Metric.ip, .cosine])
  func definition(type: IndexType, metric: Metric) throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, type, metric: metric)
    defer { engine.close() }
    let queries = randomRows(6, Self.dimension, seed: 9)
    for (name, biases) in Self.sets(seed: 2) {
      #expect(try engine.bias("c", name, biases) == UInt64(biases.count))
      for interests in [1, 2, 3] {
        for k in [1, 40, 900] {
          let asked = request(queries, k: k, interests: interests, bias: name)
          #expect(try hits(engine.search(asked) { false }) == truth(engine, asked, biases), "\(name) k \(k) K \(interests)")
        }
      }
    }
    let unnamed = request(queries, bias: nil)
    #expect(try hits(engine.search(request(queries, bias: "nobody")) { false }) == hits(engine.search(unnamed) { false }))
  }

  @Test("go with exclusion, filters, a score limit and weights", arguments: ["few", "all"])
  func narrowed(name: String) throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, .ivf)
    defer { engine.close() }
    let biases = try #require(Self.sets(seed: 2).first { $0.name == name }?.biases)
    try engine.bias("c", name, biases)
    let queries = randomRows(4, Self.dimension, seed: 9)
    let filter = try Filter(parsing: "brand in (1, 3)").encode()
    let plain = try engine.search(request(queries, bias: name)) { false }
    let changes: [(inout SearchRequest) -> Void] = [
      { $0.excluded = [IDSet(plain.ids)] },
      { $0.excluded = (0..<4).map { query in IDSet(plain.ids[(query * 40)...].prefix(9)) } },
      { $0.filter = filter }, { $0.scoreLimit = plain.scores[20] },
      {
        $0.filter = filter
        $0.excluded = [IDSet(plain.ids)]
      },
    ]
    for (number, change) in changes.enumerated() {
      let asked = request(queries, bias: name, change)
      #expect(try hits(engine.search(asked) { false }) == truth(engine, asked, biases), "\(number)")
    }
    let weighted = request(queries, interests: 2, bias: name) { $0.weights = [0.3, 2] }
    #expect(try hits(engine.search(weighted) { false }) == truth(engine, weighted, biases))
  }

  @Test("are added to the joint score of all interests, within its rounding")
  func joined() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, .ivf)
    defer { engine.close() }
    for (name, biases) in Self.sets(seed: 2) where name != "large" {
      try engine.bias("c", name, biases)
      let asked = request(randomRows(6, Self.dimension, seed: 9), interests: 3, bias: name) { $0.logSumExp = 0.4 }
      for (found, wanted) in zip(try hits(engine.search(asked) { false }), try truth(engine, asked, biases)) {
        #expect(found.count == wanted.count)
        for (one, other) in zip(found, wanted) { #expect(abs(one.score - other.score) < 1e-4, "\(name)") }
        #expect(Set(found.map(\.id)).symmetricDifference(wanted.map(\.id)).count <= 2, "\(name)")
      }
    }
  }

  @Test("are what the plainest model holds, through changes, restarts, writes, seals and compactions", arguments: [5, 6])
  func model(seed: UInt64) throws {
    let fixture = try EngineFixture(inMemory: true)
    var engine = try store(fixture, .ivf)
    defer { engine.close() }
    var random = SplitMix64(seed: seed)
    var model: [String: [UInt64: Float]] = [:]
    for step in 0..<250 {
      let name = ["a", "B.c:d_e"][Int.random(in: 0..<2, using: &random)]
      switch Int.random(in: 0..<24, using: &random) {
      case 0: #expect(try engine.forgetBiases("c", name) == (model.removeValue(forKey: name) != nil))
      case 1:
        engine.close()
        engine = try fixture.open(segmentRows: 1_300)
      case 2: _ = try engine.seal("c", generation: nil)
      case 3 where step % 5 == 0: _ = try engine.compact("c", generation: nil) { false }
      case 4...8:
        let id = UInt64.random(in: 0..<UInt64(Self.rowCount), using: &random)
        _ = try engine.upsert("c", [id], randomRows(1, Self.dimension, seed: UInt64(step)), dimension: Self.dimension)
      default:
        let many = step % 20 == 7
        var change: [UInt64: Float] = [:]
        for _ in 0..<Int.random(in: 1...(many ? 2_000 : 20), using: &random) {
          let value: Float = Int.random(in: 0..<4, using: &random) == 0 ? 0 : Float.random(in: -3...3, using: &random)
          change[UInt64.random(in: 0..<UInt64(Self.rowCount), using: &random)] = value
        }
        let after = (model[name] ?? [:]).merging(change) { $1 }.filter { $0.value != 0 }
        #expect(try engine.bias("c", name, change) == UInt64(after.count))
        model[name] = after.isEmpty ? nil : after
      }
      guard step % 3 == 0 else { continue }
      let asked = request(randomRows(2, Self.dimension, seed: UInt64(step)), bias: name)
      #expect(try hits(engine.search(asked) { false }) == truth(engine, asked, model[name] ?? [:]), "step \(step)")
      let held = try engine.biases("c", set: name)
      #expect(Dictionary(uniqueKeysWithValues: zip(held.ids, held.values)) == model[name] ?? [:])
      #expect(held.ids == held.ids.sorted())
    }
  }

  @Test("a default search keeps its recall, and finds all that biases lift", arguments: [IndexType.ivf, .hnsw])
  func recall(type: IndexType) throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, type)
    defer { engine.close() }
    for (name, biases) in Self.sets(seed: 3) {
      try engine.bias("c", name, biases)
      let asked = request(randomRows(40, Self.dimension, seed: 11), k: 20, bias: name) { $0.effort = .recall(0.95) }
      let found = try hits(engine.search(asked) { false })
      let wanted = try truth(engine, request(asked.vectors, k: 20, bias: name), biases)
      let shared = zip(found, wanted).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
      #expect(Double(shared) >= 0.93 * 20 * 40, "\(name): \(shared) of 800")
    }
  }

  private func code(_ body: () throws -> Void) -> VecErrorCode? {
    do { try body() } catch { return (error as? VecError)?.code }
    return nil
  }

  @Test("are refused under l2, beyond their limits, and where they are none")
  func refusals() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open()
    try engine.create("c", dimension: 2, metric: .l2)
    try engine.create("d", dimension: 2, metric: .ip)
    _ = try engine.upsert("c", [1, 2], [1, 0, 2, 0], dimension: 2)
    try engine.bias("c", "s", [1: 1])
    let l2 = SearchRequest(collection: "c", k: 1, dimension: 2, vectors: [1, 0], bias: "s")
    #expect(code { _ = try engine.search(l2) { false } } == .invalidArgument)
    #expect(code { try engine.bias("d", "s", [1: .nan]) } == .invalidArgument)
    #expect(code { try engine.bias("d", "s", [1: -.infinity]) } == .invalidArgument)
    #expect(code { try engine.bias("d", "a b", [1: 1]) } == .invalidArgument)
    #expect(code { try engine.bias("nobody", "s", [1: 1]) } == .collectionNotFound)
    let most = UInt64(Limits.biasIdsMax)
    for part in 0..<UInt64(Limits.biasSetIdsMax) / most {
      try engine.bias("d", "wide", Dictionary(uniqueKeysWithValues: (part * most..<(part + 1) * most).map { ($0, 1) }))
    }
    let more = Dictionary(uniqueKeysWithValues: (1 << 40..<1 << 40 + most).map { (UInt64($0), Float(1)) })
    #expect(code { try engine.bias("d", "wide", more) } == .limitExceeded)
    #expect(try engine.biases("d", set: "wide").ids.count == Int(UInt64(Limits.biasSetIdsMax) / most * most))
    try engine.forgetBiases("d", "wide")
    for number in 1...Limits.biasSetsMax { try engine.bias("d", "s\(number)", [2: 5]) }
    #expect(code { try engine.bias("d", "one-more", [1: 1]) } == .limitExceeded)
    engine.close()
  }

  @Test("are lost to damage with their set alone, until it is forgotten")
  func damage() throws {
    let fixture = try EngineFixture(inMemory: true)
    var engine = try fixture.open()
    try engine.create("d", dimension: 2, metric: .ip)
    _ = try engine.upsert("d", [1, 2], [1, 0, 2, 0], dimension: 2)
    try engine.bias("d", "s1", [2: 5, 0x1234_5678_9ABC_DEF1: 9])
    try engine.bias("d", "s2", [2: 5])
    engine.close()

    var bytes = try fixture.bytes("manifest.sqlite")
    let marker = withUnsafeBytes(of: UInt64(0x1234_5678_9ABC_DEF1).littleEndian) { Array($0) }
    let places = (0..<(bytes.count - 8)).filter { Array(bytes[$0..<($0 + 8)]) == marker }
    #expect(!places.isEmpty)
    for place in places { bytes[place] ^= 1 }
    try fixture.write(bytes, to: "manifest.sqlite")
    // A repair would forget it.
    let repair = try StoreRepair(storePath: fixture.directory)
    #expect(repair.findings.map(\.consequence) == ["the set is forgotten: scores are what they are without it"])
    repair.close()
    engine = try fixture.open()
    #expect(engine.recovery.fences.isEmpty && engine.recovery.damagedSets.map(\.collection) == ["d"])
    func best(_ set: String) throws -> [UInt64] {
      try engine.search(SearchRequest(collection: "d", k: 1, dimension: 2, vectors: [1, 0], bias: set)) { false }.ids
    }
    #expect(code { _ = try best("s1") } == .manifestDamaged)
    #expect(try best("s2") == [2] && best("other") == [2])
    #expect(try engine.verify(nil).findings.count == 1)
    #expect(code { _ = try engine.snapshot("s") } == .manifestDamaged)
    #expect(try engine.forgetBiases("d", "s1"))
    #expect(try best("s1") == [2] && engine.verify(nil).findings.isEmpty)
    engine.close()
  }

  @Test("go with a snapshot and with rows that come later, and leave with their collection")
  func belongs() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, .flat)
    try engine.bias("c", "s", [5_000: 1e6])
    _ = try engine.upsert("c", [5_000], randomRows(1, Self.dimension, seed: 4), dimension: Self.dimension)
    let asked = request(randomRows(1, Self.dimension, seed: 9), k: 1, bias: "s")
    #expect(try engine.search(asked) { false }.ids == [5_000])
    #expect(engine.statistics.biasSets.sets == 1 && engine.statistics.biasSets.ids == 1)
    let path = try engine.snapshot("monday").path
    engine.close()
    let copy = try EngineFixture.open(path)
    #expect(try copy.search(asked) { false }.ids == [5_000])
    try copy.drop("c", generation: nil)
    #expect(copy.statistics.biasSets.sets == 0 && copy.statistics.biasSets.bytes == 0)
    copy.close()
  }
}
