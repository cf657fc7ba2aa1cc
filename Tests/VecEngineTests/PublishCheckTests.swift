import Foundation
import Testing
import VecCore
import VecEngine

@Suite("A checked publish") struct PublishCheckTests {
  private static let dimension = 6

  private struct Report: Decodable {
    struct Check: Decodable {
      enum Key: String, CodingKey { case check, measured, passed }

      var check: String
      /// Nil where it is no number.
      var measured: Double?
      var passed: Bool

      init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        check = try values.decode(String.self, forKey: .check)
        measured = try? values.decode(Double.self, forKey: .measured)
        passed = try values.decode(Bool.self, forKey: .passed)
      }
    }
    struct Queries: Decodable {
      var count: Int
      var source: String
    }
    var passed: Bool
    var k: Int?
    var queries: Queries?
    var checks: [Check]

    subscript(_ check: String) -> Double? { checks.first { $0.check == check }?.measured }
  }

  /// Collections `c` and `d` with g1 (500 rows) live and g2 (400 of them, and 100 others) built.
  private func store(_ fixture: EngineFixture, models: (String?, String?) = (nil, nil)) throws -> Engine {
    let engine = try fixture.open()
    for name in ["c", "d"] {
      try engine.create(name, dimension: Self.dimension, metric: .ip)
      let rows = randomRows(600, Self.dimension, seed: 1)
      for (label, range, model) in [("g1", 0..<500, models.0), ("g2", 100..<600, models.1)] {
        let ingest = try engine.beginIngest(name, generation: label, model: model)
        try ingest.append(
          ids: range.map { UInt64($0) },
          vectors: Array(rows[(range.lowerBound * Self.dimension)..<(range.upperBound * Self.dimension)]))
        _ = try ingest.commit()
        try engine.beginBuild(name, generation: label, type: .flat).run()
      }
      _ = try engine.publish(name, label: "g1", expected: .any)
    }
    return engine
  }

  private let queries = QuerySample(dimension: Self.dimension, vectors: randomRows(40, Self.dimension, seed: 7))

  @discardableResult
  private func publish(_ engine: Engine, _ checks: PublishChecks) throws -> Report {
    let receipt = try #require(
      try engine.publish([PublishRequest(collection: "c", generation: "g2", checks: checks)]).first)
    return try JSONDecoder().decode(Report.self, from: Data(try #require(receipt.report).utf8))
  }

  private func live(_ engine: Engine, _ name: String = "c") throws -> String? {
    try engine.list().first { $0.name == name }?.liveGeneration
  }

  @Test("measures what brute force over the same vectors gives")
  func measures() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    let report = try publish(engine, PublishChecks(k: 10, queries: queries, isDryRun: true))
    let rows = randomRows(600, Self.dimension, seed: 1)
    func best(_ range: Range<Int>, _ query: Int) -> [(id: Int, score: Double)] {
      range.map { row in
        var score = 0.0
        for axis in 0..<Self.dimension {
          score += Double(rows[row * Self.dimension + axis]) * Double(queries.vectors[query * Self.dimension + axis])
        }
        return (row, score)
      }.sorted { $0.score > $1.score }.prefix(10).map { $0 }
    }
    let own = (0..<40).map { best(100..<600, $0) }
    let old = (0..<40).map { best(0..<500, $0) }
    let shared = zip(own, old).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
    let scores = old.joined().map(\.score)
    let mean = scores.reduce(0, +) / 400
    let deviation = (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 400).squareRoot()
    let drift = abs(own.joined().map(\.score).reduce(0, +) / 400 - mean) / deviation
    let unseen = 1 - Double(Set(own.joined().map(\.id)).count) / 500
    #expect(report["least_overlap"].map { Float($0) } == Float(Double(shared) / 400))
    #expect(abs((report["greatest_drift"] ?? -1) - drift) < 1e-5)
    #expect(abs((report["greatest_unseen"] ?? -1) - unseen) < 1e-9)
    #expect(report["least_recall"] == 1 && report["least_rows"] == 500 && report["least_share"] == 1)
    #expect(report.k == 10 && report.queries?.count == 40 && report.queries?.source == "given" && report.passed)
    #expect(try live(engine) == "g1", "a dry run publishes nothing")
  }

  private static let failing: [(String, PublishChecks)] = [
    ("number of rows is 500, at least 501", PublishChecks(leastRows: 501)),
    ("share of the live", PublishChecks(leastShare: 1.01)),
    ("overlap", PublishChecks(leastOverlap: 0.999)), ("drift", PublishChecks(greatestDrift: 0)),
    ("no query is answered with", PublishChecks(greatestUnseen: 0.01)), ("no model version", PublishChecks(model: "m1")),
  ]

  @Test("that fails says what was measured, and changes nothing", arguments: failing.indices)
  func fails(index: Int) throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    let words = Self.failing[index].0
    var checks = Self.failing[index].1
    if checks.leastOverlap != nil || checks.greatestDrift != nil || checks.greatestUnseen != nil { checks.queries = queries }
    let before = try engine.sequence(of: "c")
    let message = expectError(.publishRefused) { try publish(engine, checks) }
    #expect(message.contains(words) && message.contains("g2 of c"), "\(message)")
    #expect(try live(engine) == "g1" && engine.sequence(of: "c") == before)
    checks.isDryRun = true
    #expect(try !publish(engine, checks).passed)
  }

  @Test("that holds publishes; a rollback then answers at once")
  func holds() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, models: ("m", "m"))
    defer { engine.close() }
    let report = try publish(
      engine,
      PublishChecks(
        leastRows: 500, leastShare: 0.9, leastRecall: 1, leastOverlap: 0.5, greatestDrift: 1, greatestUnseen: 0.9, model: "m",
        k: 10, queries: queries))
    #expect(report.passed && report.checks.count == 7 && report.checks.allSatisfy(\.passed))
    #expect(try live(engine) == "g2")
    #expect(try engine.rollback("c").live == "g1")
  }

  @Test("asks captured queries when none are given, then the sample of the build, and fails without any")
  func sources() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    #expect(
      expectError(.publishRefused) { try publish(engine, PublishChecks(leastRecall: 0.5)) }.contains("could not be measured"))
    try engine.load("c", "g3", rows: 300, firstID: 0, model: nil)
    try engine.beginBuild("c", generation: "g3", type: .ivf, sample: queries).run()
    func source(_ label: String) throws -> String? {
      let receipt = try engine.publish([
        PublishRequest(collection: "c", generation: label, checks: PublishChecks(leastRecall: 0, isDryRun: true))
      ])
      return try JSONDecoder().decode(Report.self, from: Data((receipt.first?.report ?? "").utf8)).queries?.source
    }
    #expect(try source("g3") == "sample")
    try engine.configure("c", SettingsChange(capturedQueries: 500))
    _ = try engine.find("c", randomRows(64, Self.dimension, seed: 3), k: 3, dimension: Self.dimension)
    #expect(try source("g3") == "captured" && source("g2") == "captured")
  }

  @Test("of another model needs the queries as both models see them")
  func twoModels() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture, models: ("m1", "m2"))
    defer { engine.close() }
    expectError(.invalidArgument) { try publish(engine, PublishChecks(leastOverlap: 0, queries: queries)) }
    try engine.configure("c", SettingsChange(capturedQueries: 500))
    _ = try engine.search(
      SearchRequest(
        collection: "c", generation: "g2", k: 3, dimension: Self.dimension,
        vectors: randomRows(64, Self.dimension, seed: 3))
    ) { false }
    expectError(.publishRefused) { try publish(engine, PublishChecks(leastOverlap: 0)) }
    let report = try publish(engine, PublishChecks(leastOverlap: 0.1, queries: queries, liveQueries: queries))
    #expect((report["least_overlap"] ?? 0) > 0.1)
    #expect(try live(engine) == "g2")
  }

  @Test("with nothing live has nothing to be compared with, and holds")
  func first() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: Self.dimension, metric: .ip)
    try engine.load("c", "g2", rows: 100, firstID: 0, model: nil)
    try engine.beginBuild("c", generation: "g2", type: .flat).run()
    let report = try publish(
      engine, PublishChecks(leastShare: 2, leastOverlap: 1, greatestDrift: 0, queries: queries))
    #expect(report.passed)
    #expect(try live(engine) == "g2")
  }

  @Test("of several collections is one transaction: all of them, or none")
  func together() throws {
    let fixture = try EngineFixture()
    var engine = try store(fixture)
    let both = { (rows: UInt64, expected: ExpectedLive) in
      ["c", "d"].map { name in
        PublishRequest(
          collection: name, generation: "g2", expected: name == "d" ? expected : .any,
          checks: PublishChecks(leastRows: name == "d" ? rows : 1))
      }
    }
    expectError(.publishRefused) { _ = try engine.publish(both(501, .any)) }
    expectError(.liveGenerationChanged) { _ = try engine.publish(both(1, .label("g0"))) }
    expectError(.collectionNotFound) {
      _ = try engine.publish(both(1, .any) + [PublishRequest(collection: "e", generation: "g2")])
    }
    #expect(try live(engine, "c") == "g1" && live(engine, "d") == "g1")
    let receipts = try engine.publish(both(1, .label("g1")))
    #expect(receipts.map(\.replaced) == ["g1", "g1"] && receipts.allSatisfy { $0.report != nil })
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try live(engine, "c") == "g2" && live(engine, "d") == "g2")
  }

  @Test("says what is wrong anyhow before it measures, and ends when it is told to")
  func order() throws {
    let fixture = try EngineFixture()
    let engine = try store(fixture)
    defer { engine.close() }
    expectError(.liveGenerationChanged) {
      _ = try engine.publish([
        PublishRequest(
          collection: "c", generation: "g2", expected: .nothing, checks: PublishChecks(leastRows: 501, isDryRun: true))
      ])
    }
    expectError(.dimensionMismatch) {
      try publish(engine, PublishChecks(queries: QuerySample(dimension: 2, vectors: [1, 2]), isDryRun: true))
    }
    expectError(.valueNotFinite) {
      try publish(
        engine, PublishChecks(queries: QuerySample(dimension: 6, vectors: [1, 2, .nan, 1, 1, 1]), isDryRun: true))
    }
    expectError(.deadlineExceeded) {
      _ = try engine.publish([
        PublishRequest(collection: "c", generation: "g2", checks: PublishChecks(leastRecall: 1, queries: queries))
      ]) { true }
    }
    #expect(try live(engine) == "g1")
  }
}
