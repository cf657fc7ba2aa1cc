import Testing
import VecCore
import VecEngine

@Suite struct LifecycleTests {
  @Test("create, ingest, build, publish, search, get, and all of it again after reopening", arguments: Metric.allCases)
  func wholeChain(metric: Metric) throws {
    let fixture = try EngineFixture()
    let rows = randomRows(500, 16, seed: 1)
    let ids = (0..<500).map { UInt64($0 * 7 + 3) }
    let query = Array(rows[160..<176])
    var first: SearchReply?
    do {
      let engine = try fixture.open()
      defer { engine.close() }
      try engine.create("posts", dimension: 16, metric: metric)
      try engine.release("posts", "monday", ids: ids, vectors: rows)
      first = try engine.find("posts", query, k: 10, dimension: 16)
    }
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.find("posts", query, k: 10, dimension: 16) == first)
    #expect(first?.generation == "monday")
    if metric != .ip { #expect(first?.ids.first == ids[10]) }
    let got = try engine.get("posts", generation: nil, ids: [ids[10], 1, ids[0]])
    #expect(got.found == [true, false, true])
    #expect(got.vectors == query + rows[0..<16])
  }

  @Test("several ingests are one segment after the build, with the same answers, and the old files are gone")
  func buildMerges() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    let rows = randomRows(900, 8, seed: 2)
    try engine.create("c", dimension: 8, metric: .cosine)
    for part in 0..<3 {
      try engine.load(
        "c", "g", ids: (0..<300).map { UInt64(part * 300 + $0) }, vectors: Array(rows[(part * 2400)..<((part + 1) * 2400)]))
    }
    #expect(try engine.generations("c")[0].segmentCount == 3)
    try engine.beginBuild("c", generation: nil, type: .flat).run()
    let info = try engine.generations("c")[0]
    #expect(info.segmentCount == 1 && info.rowCount == 900 && info.state == .built && info.index == .flat)
    #expect(try fixture.segmentFiles.count == 1)

    try engine.create("whole", dimension: 8, metric: .cosine)
    try engine.release("whole", "g", ids: (0..<900).map { UInt64($0) }, vectors: rows)
    let queries = randomRows(5, 8, seed: 3)
    let merged = try engine.find("c", queries, k: 50, dimension: 8, generation: "g")
    let whole = try engine.find("whole", queries, k: 50, dimension: 8)
    #expect(merged.ids == whole.ids && merged.scores == whole.scores)
  }

  @Test("vectors that came from float16 or bfloat16 are stored so, and come back the same")
  func nativeElements() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 4, metric: .ip)
    let bf16 = randomRows(100, 4, seed: 4).map { Float(bitPattern: ($0 * 1e9).bitPattern & 0xFFFF_0000) }
    let f16: [Float] = (0..<400).map { Float($0 * 5 - 999) / 1024 }
    let f32 = randomRows(100, 4, seed: 5).map { $0 + 1e-6 }
    for (label, rows, type) in [("a", bf16, ElementType.bf16), ("b", f16, .f16), ("c", f32, .f32)] {
      let receipt = try engine.load("c", label, ids: (0..<100).map { UInt64($0) }, vectors: rows)
      #expect(receipt.elementType == type)
      try engine.beginBuild("c", generation: label, type: .flat).run()
      #expect(try engine.get("c", generation: label, ids: (0..<100).map { UInt64($0) }).vectors == rows)
    }
  }

  @Test("publish is refused unless the expected generation is live; rollback goes back step by step")
  func publishAndRollback() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 2, metric: .ip)
    expectError(.noLiveGeneration) { _ = try engine.find("c", [1, 1], k: 1, dimension: 2) }
    for label in ["a", "b", "x"] {
      try engine.load("c", label, ids: [1], vectors: [1, 1])
      expectError(.generationState) { _ = try engine.publish("c", label: label, expected: .any) }
      try engine.beginBuild("c", generation: label, type: .flat).run()
    }
    expectError(.liveGenerationChanged) { _ = try engine.publish("c", label: "a", expected: .label("b")) }
    #expect(try engine.publish("c", label: "a", expected: .nothing).replaced == nil)
    expectError(.liveGenerationChanged) { _ = try engine.publish("c", label: "b", expected: .nothing) }
    #expect(try engine.publish("c", label: "b", expected: .label("a")).replaced == "a")
    #expect(try engine.rollback("c").live == "a")
    expectError(.noPreviousGeneration) { _ = try engine.rollback("c") }
    #expect(try engine.publish("c", label: "x", expected: .any).replaced == "a")
    #expect(try engine.rollback("c").live == "a", "a rollback must not return to a generation that was rolled back")
    #expect(try engine.generations("c").map(\.state) == [.live, .retired, .retired])
    expectError(.generationNotFound) { _ = try engine.publish("c", label: "nope", expected: .any) }
    expectError(.generationState) { try engine.drop("c", generation: "a") }
    try engine.drop("c", generation: "b")
    #expect(try engine.generations("c").map(\.label) == ["a", "x"])
  }

  @Test("a search that began before a drop finishes on what it holds")
  func dropUnderSearch() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 8, metric: .l2)
    try engine.release("c", "g", ids: (0..<5000).map { UInt64($0) }, vectors: randomRows(5000, 8, seed: 6))
    var dropped = false
    let request = SearchRequest(collection: "c", k: 3, dimension: 8, vectors: randomRows(1, 8, seed: 7))
    let reply = try engine.search(request) {
      if !dropped { try? engine.drop("c", generation: nil) }
      dropped = true
      return false
    }
    #expect(dropped && reply.ids.count == 3)
    expectError(.collectionNotFound) { _ = try engine.search(request) { false } }
    #expect(try fixture.segmentFiles.isEmpty)
  }

  @Test("what a flat generation does not have is not available, and a target is no obstacle")
  func onlyFlat() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 2, metric: .ip)
    try engine.release("c", "g", ids: [1], vectors: [1, 1])
    for effort in [SearchEffort.ef(10), .nprobe(3)] {
      let request = SearchRequest(collection: "c", k: 1, effort: effort, dimension: 2, vectors: [1, 1])
      expectError(.notAvailable) { _ = try engine.search(request) { false } }
    }
    let request = SearchRequest(collection: "c", k: 1, effort: .recall(0.9), index: .flat, dimension: 2, vectors: [1, 1])
    #expect(try engine.search(request) { false }.expectedRecall == 1)
  }
}
