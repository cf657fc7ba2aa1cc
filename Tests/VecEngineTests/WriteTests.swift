import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Single writes") struct WriteTests {
  private func store() throws -> (EngineFixture, Engine) {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open()
    try engine.create("c", dimension: 4, metric: .ip)
    return (fixture, engine)
  }

  @Test("the first upsert makes a live generation; what was acknowledged is there after a restart")
  func firstUpsert() throws {
    var (fixture, engine) = try store()
    let receipt = try engine.upsert("c", [7, 8], [1, 0, 0, 0, 0, 1, 0, 0], dimension: 4)
    #expect(receipt == WriteReceipt(generation: "g1", sequence: 1, existing: 0))
    #expect(try engine.exact("c", [1, 0, 0, 0], k: 2).map(\.id) == [7, 8])
    #expect(try engine.delete("c", [8, 9]).existing == 1)
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.writeCount == 2)
    #expect(try engine.exact("c", [1, 0, 0, 0], k: 2).map(\.id) == [7])
    #expect(try engine.sequence(of: "c") == 2)
    #expect(try engine.list()[0].liveRowCount == 1)
  }

  @Test("of equal ids in one upsert the last counts")
  func equalIDs() throws {
    let (_, engine) = try store()
    defer { engine.close() }
    let receipt = try engine.upsert("c", [1, 1, 1], [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0], dimension: 4)
    #expect(receipt.existing == 0)
    #expect(try engine.get("c", generation: nil, ids: [1]).vectors == [3, 0, 0, 0])
  }

  @Test("writes of one group succeed or fail each for itself")
  func group() throws {
    let (_, engine) = try store()
    defer { engine.close() }
    func upsert(_ collection: String, _ vector: [Float]) -> Write {
      .upsert(UpsertRequest(collection: collection, dimension: vector.count, ids: [1], vectors: vector))
    }
    let codes = engine.write([
      upsert("c", [1, 2, 3, 4]), upsert("nowhere", [1, 2, 3, 4]), upsert("c", [1, 2]), upsert("c", [1, .nan, 3, 4]),
      upsert("c", [1e30, 0, 0, 0]), upsert("c", [5, 6, 7, 8]),
      .delete(DeleteRequest(collection: "c", generation: "none", ids: [1])),
      .delete(DeleteRequest(collection: "c", ids: [])),
    ]).map { result -> String in
      switch result {
      case .success(let receipt): "\(receipt.sequence) \(receipt.existing)"
      case .failure(let error): error.code.name
      }
    }
    #expect(
      codes == [
        "1 0", "collection-not-found", "dimension-mismatch", "value-not-finite", "norm-out-of-range", "2 1",
        "generation-not-found", "invalid-argument",
      ])
    #expect(try engine.get("c", generation: nil, ids: [1]).vectors == [5, 6, 7, 8])
  }

  @Test("a token is remembered over seals and restarts, and a write that comes again changes nothing")
  func tokens() throws {
    var (fixture, engine) = try store()
    let token = WriteToken(high: 1, low: 2)
    let first = try engine.upsert("c", [1], [1, 1, 1, 1], dimension: 4, token: token)
    _ = try engine.upsert("c", [1], [2, 2, 2, 2], dimension: 4)
    for round in 0..<4 {
      let again = try engine.upsert("c", [1], [1, 1, 1, 1], dimension: 4, token: token)
      #expect(again == WriteReceipt(generation: "g1", sequence: first.sequence, existing: 0, isRepeated: true))
      #expect(try engine.get("c", generation: nil, ids: [1]).vectors == [2, 2, 2, 2], "round \(round)")
      if round % 2 == 0 {
        #expect(try engine.seal("c", generation: nil).segmentCount == 1)
      } else {
        engine.close()
        engine = try fixture.open()
      }
    }
    engine.close()
  }

  @Test("when sealing is late writes are refused as overloaded, reads go on, and after a seal writes go on too")
  func backPressure() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open {
      $0.delta.rowsMax = 10
      $0.delta.waitingMax = 3
    }
    defer { engine.close() }
    try engine.create("c", dimension: 4, metric: .l2)
    var next: UInt64 = 0
    func write() throws {
      _ = try engine.upsert("c", [next], randomRows(1, 4, seed: next), dimension: 4)
      next += 1
    }
    for _ in 0..<30 { try write() }
    #expect(engine.isUpkeepDue)
    let message = expectError(.overloaded) { try write() }
    #expect(message.contains("30 rows") && message.contains("sealed"))
    #expect(try engine.exact("c", [0, 0, 0, 0], k: 100).count == 30)
    let step = try #require(try engine.upkeep { false })
    #expect(step.act == .seal && step.rowCount == 20)
    try write()
    #expect(try engine.exact("c", [0, 0, 0, 0], k: 100).count == 31)
  }

  @Test("a generation that was written to takes no ingest, and one that is building no writes")
  func states() throws {
    let (_, engine) = try store()
    defer { engine.close() }
    try engine.load("c", "bulk", ids: [1], vectors: [1, 2, 3, 4])
    let building = expectError(.generationState) { _ = try engine.delete("c", [1], generation: "bulk") }
    #expect(building.contains("building"))
    try engine.beginBuild("c", generation: "bulk", type: .flat).run()
    _ = try engine.delete("c", [1], generation: "bulk")
    expectError(.generationState) { try engine.load("c", "bulk", ids: [2], vectors: [1, 2, 3, 4]) }
  }

  @Test("a compaction keeps what is written and deleted while it runs")
  func writesDuringCompaction() throws {
    let (_, engine) = try store()
    defer { engine.close() }
    let rows = randomRows(2_000, 4, seed: 5)
    try engine.release("c", "g1", ids: Array(0..<2_000), vectors: rows)
    _ = try engine.delete("c", [0])
    var isDone = false
    let outcome = try engine.compact("c", generation: nil) {
      if !isDone {
        isDone = true
        _ = try? engine.delete("c", [10, 11])
        _ = try? engine.upsert("c", [12, 5_000], [9, 9, 9, 9, 8, 8, 8, 8], dimension: 4)
      }
      return false
    }
    // A flat rewrite may be too short to be asked; then the writes come now.
    if !isDone {
      _ = try engine.delete("c", [10, 11])
      _ = try engine.upsert("c", [12, 5_000], [9, 9, 9, 9, 8, 8, 8, 8], dimension: 4)
    }
    #expect(outcome.segmentCount >= 1 && outcome.rowCount >= 1_997)
    let found = try engine.get("c", generation: nil, ids: [0, 10, 11, 12, 13, 5_000])
    #expect(found.found == [false, false, false, true, true, true])
    #expect(found.vectors[..<4] == [9, 9, 9, 9])
    #expect(try engine.list()[0].liveRowCount == 1_998)
  }

  @Test("a rebuilt graph or list index still answers at its target, without the dead rows")
  func rebuildKeepsTarget() throws {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open { $0.upkeep.rebuildRows = 1_000 }
    defer { engine.close() }
    try engine.create("c", dimension: 16, metric: .ip)
    let count = 6_000
    try engine.load("c", "g1", ids: Array(0..<UInt64(count)), vectors: randomRows(count, 16, seed: 6))
    let sample = QuerySample(dimension: 16, vectors: randomRows(300, 16, seed: 7))
    try engine.beginBuild("c", generation: "g1", type: nil, targetRecall: 0.9, sample: sample).run()
    _ = try engine.publish("c", label: "g1", expected: .any)
    _ = try engine.delete("c", Array(0..<3_000))
    let step = try #require(try engine.upkeep { false })
    #expect(step.act == .rebuild && step.reason.contains("50 %"), "\(step)")
    #expect(try engine.upkeep { false } == nil)
    #expect(try engine.generations("c")[0].rowCount == 3_000)
    var hits = 0
    for query in 0..<50 {
      let vector = randomRows(1, 16, seed: 1_000 + UInt64(query))
      let truth = Set(try engine.exact("c", vector, k: 10).map(\.id))
      let request = SearchRequest(collection: "c", k: 10, effort: .recall(0.9), dimension: 16, vectors: vector)
      let found = try engine.search(request) { false }
      #expect(found.ids.allSatisfy { $0 >= 3_000 })
      hits += truth.intersection(found.ids).count
    }
    #expect(hits > 430, "\(hits) of 500")
  }

  @Test("an index whose rows are all dead gives way to the rows that were written since", arguments: [IndexType.ivf, .hnsw])
  func allDead(index: IndexType) throws {
    let (_, engine) = try store()
    defer { engine.close() }
    try engine.load("c", "g1", ids: Array(0..<2_000), vectors: randomRows(2_000, 4, seed: 9))
    try engine.beginBuild("c", generation: "g1", type: index).run()
    _ = try engine.publish("c", label: "g1", expected: .any)
    _ = try engine.delete("c", Array(3..<2_000))
    _ = try engine.upsert("c", [5_000, 5_001], randomRows(2, 4, seed: 10), dimension: 4)
    for left in [[0, 1, 2, 5_000, 5_001], [5_000, 5_001]] as [[UInt64]] {
      for effort in [SearchEffort.standard, .recall(0.9), .exact, index == .ivf ? .nprobe(3) : .ef(20)] {
        let request = SearchRequest(
          collection: "c", k: 50, effort: effort, dimension: 4, vectors: randomRows(3, 4, seed: 11))
        let found = try engine.search(request) { false }
        #expect(found.resultCounts == [UInt32](repeating: UInt32(left.count), count: 3), "\(effort)")
        #expect(Set(found.ids) == Set(left), "\(effort)")
      }
      _ = try engine.delete("c", [0, 1, 2])
    }
  }

  @Test("cancelBuild calls off a build, which changes nothing")
  func cancel() throws {
    let (_, engine) = try store()
    defer { engine.close() }
    try engine.load("c", "g1", ids: Array(0..<3_000), vectors: randomRows(3_000, 4, seed: 8))
    #expect(try !engine.cancelBuild("c", generation: nil))
    let build = try engine.beginBuild("c", generation: "g1", type: .hnsw)
    #expect(try engine.cancelBuild("c", generation: nil))
    expectError(.deadlineExceeded) { try build.run() }
    #expect(try engine.generations("c")[0].state == .building)
    #expect(try engine.generations("c")[0].segmentCount == 1)
  }
}
