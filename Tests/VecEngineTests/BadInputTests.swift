import Testing
import VecCore
import VecEngine

/// Every bad input is refused with a line that says what would be right, and nothing is lost or left half done.
@Suite struct BadInputTests {
  func collection(_ metric: Metric = .ip) throws -> (EngineFixture, Engine) {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    try engine.create("c", dimension: 3, metric: metric)
    return (fixture, engine)
  }

  @Test("a bad row ends the ingest wholly, names row and component, and the next ingest starts clean",
    arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    let (fixture, engine) = try collection()
    defer { engine.close() }
    let ingest = try engine.beginIngest("c", generation: "g")
    try ingest.append(ids: [1, 2], vectors: [1, 2, 3, 4, 5, 6])
    let message = expectError(.valueNotFinite) { try ingest.append(ids: [3, 4], vectors: [1, 1, 1, 2, value, 2]) }
    #expect(message.contains("row 3") && message.contains("component 1"), "\(message)")
    expectError(.ingestNotFound) { try ingest.append(ids: [9], vectors: [1, 1, 1]) }
    expectError(.ingestNotFound) { _ = try ingest.commit() }
    #expect(try engine.generations("c").isEmpty)
    #expect(try fixture.segmentFiles.isEmpty)
    #expect(try engine.load("c", "g", ids: [1], vectors: [1, 2, 3]).rowCount == 1)
  }

  @Test("zero vectors are refused under cosine and welcome under ip and l2")
  func zeroVector() throws {
    for metric in Metric.allCases {
      let (_, engine) = try collection(metric)
      defer { engine.close() }
      if metric == .cosine {
        expectError(.normOutOfRange) { try engine.load("c", "g", ids: [1], vectors: [0, 0, 0]) }
        let tiny = try engine.load("c", "g", ids: [1], vectors: [1e-24, 0, 0])
        #expect(tiny.rowCount == 1, "short but not zero has a direction")
        try engine.beginBuild("c", generation: "g", type: .flat).run()
        let reply = try engine.find("c", [2, 0, 0], k: 1, dimension: 3, generation: "g")
        #expect(reply.scores == [1])
        expectError(.normOutOfRange) { _ = try engine.find("c", [0, 0, 0], k: 1, dimension: 3, generation: "g") }
      } else {
        #expect(try engine.load("c", "g", ids: [1], vectors: [0, 0, 0]).rowCount == 1)
      }
    }
  }

  @Test("vectors too long for float32 scores are refused")
  func hugeNorm() throws {
    let (_, engine) = try collection(.l2)
    defer { engine.close() }
    expectError(.normOutOfRange) { try engine.load("c", "g", ids: [1], vectors: [2e18, 0, 0]) }
    expectError(.normOutOfRange) { try engine.load("c", "g", ids: [1], vectors: [3e38, 3e38, 3e38]) }
    #expect(try engine.load("c", "g", ids: [1], vectors: [9e17, 0, 0]).rowCount == 1)
  }

  @Test("an id may be in a generation once: twice in one ingest, or again in a later one, is refused")
  func duplicateIDs() throws {
    let (fixture, engine) = try collection()
    defer { engine.close() }
    let twice = expectError(.duplicateId) { try engine.load("c", "g", ids: [5, 6, 5], vectors: randomRows(3, 3, seed: 1)) }
    #expect(twice.contains("5"))
    #expect(try engine.generations("c").isEmpty)
    try engine.load("c", "g", ids: [1, 2], vectors: randomRows(2, 3, seed: 2))
    expectError(.idExists) { try engine.load("c", "g", ids: [7, 2], vectors: randomRows(2, 3, seed: 3)) }
    #expect(try engine.generations("c")[0].rowCount == 2)
    #expect(try fixture.segmentFiles.count == 1)
    try engine.load("c", "other", ids: [1, 2], vectors: randomRows(2, 3, seed: 4))
  }

  @Test("names, dimensions, k and shapes outside their limits are refused")
  func limits() throws {
    let (_, engine) = try collection()
    defer { engine.close() }
    for name in ["", "UPPER", "a/b", "..", "-x", String(repeating: "a", count: 65), "ü", "a\0b"] {
      expectError(.invalidArgument) { try engine.create(name, dimension: 3, metric: .ip) }
      expectError(.invalidArgument) { _ = try engine.find(name, [1, 2, 3], k: 1, dimension: 3) }
    }
    for (dimension, code) in [(0, VecErrorCode.invalidArgument), (-1, .invalidArgument), (4097, .limitExceeded)] {
      expectError(code) { try engine.create("d", dimension: dimension, metric: .ip) }
    }
    try engine.create("d", dimension: 4096, metric: .ip)
    expectError(.collectionExists) { try engine.create("d", dimension: 1, metric: .l2) }
    expectError(.collectionNotFound) { _ = try engine.find("missing", [1], k: 1, dimension: 1) }
    try engine.release("c", "g", ids: [1], vectors: [1, 2, 3])
    for (k, code) in [(0, VecErrorCode.invalidArgument), (-1, .invalidArgument), (16_385, .limitExceeded)] {
      expectError(code) { _ = try engine.find("c", [1, 2, 3], k: k, dimension: 3) }
    }
    for (count, code) in [(0, VecErrorCode.invalidArgument), (65_537, .limitExceeded)] {
      expectError(code) { _ = try engine.get("c", generation: nil, ids: .init(repeating: 1, count: count)) }
    }
    #expect(try engine.find("c", [1, 2, 3], k: 16_384, dimension: 3).ids == [1])
    expectError(.dimensionMismatch) { _ = try engine.find("c", [1, 2], k: 1, dimension: 2) }
    expectError(.invalidArgument) { _ = try engine.find("c", [1, 2, 3, 4], k: 1, dimension: 3) }
    expectError(.valueNotFinite) { _ = try engine.find("c", [1, .nan, 3], k: 1, dimension: 3) }
    expectError(.limitExceeded) { _ = try engine.find("c", Array(repeating: 1, count: 3 * 4097), k: 1, dimension: 3) }
    expectError(.invalidArgument) {
      let request = SearchRequest(collection: "c", k: 1, effort: .recall(1.5), dimension: 3, vectors: [1, 2, 3])
      _ = try engine.search(request) { false }
    }
  }

  @Test("a generation is written by one at a time, and live ones not at all")
  func busy() throws {
    let (_, engine) = try collection()
    defer { engine.close() }
    let ingest = try engine.beginIngest("c", generation: "g")
    expectError(.busy) { _ = try engine.beginIngest("c", generation: "g") }
    expectError(.busy) { try engine.drop("c", generation: nil) }
    try ingest.append(ids: [1], vectors: [1, 2, 3])
    ingest.abort()
    try engine.load("c", "g", ids: [1], vectors: [1, 2, 3])
    do {
      let build = try engine.beginBuild("c", generation: "g", type: .flat)
      expectError(.busy) { _ = try engine.beginIngest("c", generation: "g") }
      expectError(.busy) { _ = try engine.beginBuild("c", generation: "g", type: .flat) }
      try build.run()
    }
    _ = try engine.publish("c", label: "g", expected: .any)
    expectError(.generationState) { _ = try engine.beginIngest("c", generation: "g") }
    expectError(.generationState) { _ = try engine.beginBuild("c", generation: "g", type: .flat) }
    do { _ = try engine.beginIngest("c", generation: "dropped on the floor".replacing(" ", with: "-")) }
    #expect(try engine.beginIngest("c", generation: "dropped-on-the-floor").label == "dropped-on-the-floor")
  }

  @Test("an ingest without rows commits nothing; a build without rows is refused")
  func emptyIngest() throws {
    let (_, engine) = try collection()
    defer { engine.close() }
    #expect(try engine.beginIngest("c", generation: nil).commit().rowCount == 0)
    #expect(try engine.generations("c").isEmpty)
    expectError(.generationNotFound) { _ = try engine.beginBuild("c", generation: nil, type: .flat) }
  }
}
