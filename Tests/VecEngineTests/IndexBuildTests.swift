import Glibc
import Testing
import VecCore
import VecEngine
import VecTestSupport

/// Indexes other than flat, through everything an engine does with them.
@Suite("Building an index")
struct IndexBuildTests {
  static let dimension = 16
  /// Nil is auto.
  static let types: [IndexType?] = [.ivf, .hnsw, nil]

  /// Rows around some centres, as trained items lie; queries are mixtures of two rows.
  struct Sample {
    var ids: [UInt64]
    var rows: [Float]
    var queries: [Float]

    init(_ count: Int, seed: UInt64) {
      var random = Seed(seed).generator
      let dimension = IndexBuildTests.dimension
      let centres = randomRows(24, dimension, seed: seed + 1)
      var made: [Float] = []
      for _ in 0..<count {
        let centre = Int(random.next() % 24) * dimension
        made += (0..<dimension).map { centres[centre + $0] + 0.4 * Float(random.uniform() * 2 - 1) }
      }
      rows = made
      ids = (0..<count).map { UInt64($0) * 5 + 1 }.shuffled(using: &random)
      queries = []
      for _ in 0..<48 {
        let (left, right) = (Int(random.next() % UInt64(count)), Int(random.next() % UInt64(count)))
        queries += (0..<dimension).map { made[left * dimension + $0] + 0.5 * made[right * dimension + $0] }
      }
    }
  }

  static func load(_ engine: Engine, _ sample: Sample, metric: Metric = .ip, parts: Int = 1) throws {
    try engine.create("c", dimension: dimension, metric: metric)
    let count = sample.ids.count
    for part in 0..<parts {
      let range = (part * count / parts)..<((part + 1) * count / parts)
      try engine.load(
        "c", "g", ids: Array(sample.ids[range]),
        vectors: Array(sample.rows[(range.lowerBound * dimension)..<(range.upperBound * dimension)]))
    }
  }

  static func ask(
    _ engine: Engine, _ sample: Sample, k: Int, _ effort: SearchEffort, _ index: IndexType? = nil, interests: Int = 1
  ) throws -> SearchReply {
    try engine.search(
      SearchRequest(
        collection: "c", generation: "g", k: k, effort: effort, index: index, interests: interests,
        dimension: dimension, vectors: sample.queries)
    ) { false }
  }

  static func recall(_ reply: SearchReply, _ truth: SearchReply, k: Int) -> Double {
    let pairs = zip(stride(from: 0, to: truth.ids.count, by: k), stride(from: 0, to: reply.ids.count, by: k))
    let found = pairs.reduce(0) { sum, starts in
      sum + Set(truth.ids[starts.0..<(starts.0 + k)]).intersection(reply.ids[starts.1..<(starts.1 + k)]).count
    }
    return Double(found) / Double(truth.ids.count)
  }

  @Test("the report names the settings that searches use, whether lists are counted or chosen by a margin")
  func reportedSettings() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    let sample = Sample(12_000, seed: 77)
    try Self.load(engine, sample)
    let outcome = try engine.beginBuild("c", generation: "g", type: nil, targetRecall: 0.95).run()
    #expect(outcome.indexes.map(\.type) == [.ivf, .hnsw])
    for index in outcome.indexes {
      #expect(index.settings.contains { $0.reachesTarget })
      for setting in index.settings where setting.reachesTarget {
        let reply = try Self.ask(engine, sample, k: setting.k, .standard, index.type)
        #expect(reply.parameter == setting.parameter && reply.expectedRecall == setting.recall)
      }
    }
  }

  @Test("a target is reached by the index that was built, for every k, and exact stays exact", arguments: types, Metric.allCases)
  func reachesTarget(type: IndexType?, metric: Metric) throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    let sample = Sample(6000, seed: 31)
    try Self.load(engine, sample, metric: metric, parts: 3)
    let built = try engine.beginBuild(
      "c", generation: "g", type: type, targetRecall: 0.9,
      sample: QuerySample(dimension: Self.dimension, vectors: sample.queries)
    ).run()
    #expect(built.rowCount == 6000 && built.segmentCount == 1 && !built.indexes.isEmpty)
    #expect(try fixture.segmentFiles.count == 1, "nothing that was written on the way stays")
    for k in [10, 100] {
      let truth = try Self.ask(engine, sample, k: k, .exact)
      #expect(truth.index == .flat && truth.expectedRecall == 1)
      for index in built.indexes.map(\.type) {
        let reply = try Self.ask(engine, sample, k: k, .recall(0.9), index)
        #expect(reply.index == index && reply.parameter >= 1)
        #expect(Self.recall(reply, truth, k: k) >= 0.9, "\(index.name) at k \(k)")
        #expect(abs(Double(reply.expectedRecall) - Self.recall(reply, truth, k: k)) < 0.001, "measured with these")
      }
      let standard = try Self.ask(engine, sample, k: k, .standard)
      #expect(Self.recall(standard, truth, k: k) >= 0.9)
    }
  }

  @Test("all lists are the exact answer", arguments: Metric.allCases)
  func allLists(metric: Metric) throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    let sample = Sample(900, seed: 32)
    try Self.load(engine, sample, metric: metric)
    try engine.beginBuild("c", generation: "g", type: .ivf).run()
    for interests in [1, 3] {
      var all = try Self.ask(engine, sample, k: 20, .nprobe(100_000), interests: interests)
      let truth = try Self.ask(engine, sample, k: 20, .exact, interests: interests)
      #expect(all.index == .ivf && all.parameter == 100_000)
      (all.index, all.parameter, all.expectedRecall) = (truth.index, truth.parameter, truth.expectedRecall)
      #expect(all == truth)
    }
  }

  @Test("an index answers after a restart as before, and get finds rows where they went", arguments: types)
  func restart(type: IndexType?) throws {
    let fixture = try EngineFixture()
    let sample = Sample(3000, seed: 33)
    var engine = try fixture.open()
    try Self.load(engine, sample)
    try engine.beginBuild("c", generation: "g", type: type).run()
    _ = try engine.publish("c", label: "g", expected: .any)
    let before = try Self.ask(engine, sample, k: 30, .recall(0.8), type)
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try Self.ask(engine, sample, k: 30, .recall(0.8), type) == before)
    #expect(try engine.verify(nil).findings.isEmpty)
    let got = try engine.get("c", generation: nil, ids: [sample.ids[7], 4])
    #expect(got.found == [true, false])
    #expect(got.vectors == Array(sample.rows[(7 * Self.dimension)..<(8 * Self.dimension)]))
  }

  @Test("the same rows give the same bytes, whatever the number of threads", arguments: types)
  func workers(type: IndexType?) throws {
    func bytes(_ workers: Int) throws -> [UInt8] {
      let fixture = try EngineFixture()
      let engine = try fixture.open(workers: workers)
      try Self.load(engine, Sample(5000, seed: 34), metric: .l2, parts: 2)
      try engine.beginBuild("c", generation: "g", type: type).run()
      engine.close()
      let name = try #require(try fixture.segmentFiles.first)
      return try fixture.bytes(ofSegment: name)
    }
    let one = try bytes(1)
    #expect(one.count > 5000 * 64)
    for workers in [2, 3] { #expect(try bytes(workers) == one) }
  }

  @Test("a build that is stopped leaves the generation as it was and no file", arguments: types)
  func stopped(type: IndexType?) throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    let sample = Sample(2000, seed: 35)
    try Self.load(engine, sample, parts: 2)
    let before = try fixture.segmentFiles
    for patience in [0, 1, 3, 9] {
      var asked = 0
      expectError(.deadlineExceeded) {
        try engine.beginBuild("c", generation: "g", type: type).run {
          asked += 1
          return asked > patience
        }
      }
      #expect(try fixture.segmentFiles == before)
      #expect(try engine.generations("c").map(\.state) == [.building])
      #expect(try engine.generations("c").first?.buildError != nil)
    }
    try engine.beginBuild("c", generation: "g", type: type).run()
    #expect(try engine.generations("c").first?.buildError == nil)
  }

  @Test("a sample and rows of every kind can be built on", arguments: types, Metric.allCases)
  func oddRows(type: IndexType?, metric: Metric) throws {
    for (count, isSame) in [(1, false), (2, false), (40, true), (300, true)] {
      let fixture = try EngineFixture()
      let engine = try fixture.open()
      defer { engine.close() }
      var sample = Sample(count, seed: 36)
      if isSame { sample.rows = (0..<count).flatMap { _ in sample.rows[..<Self.dimension] } }
      try Self.load(engine, sample, metric: metric)
      try engine.beginBuild("c", generation: "g", type: type).run()
      let reply = try Self.ask(engine, sample, k: 10, .recall(0.95))
      let truth = try Self.ask(engine, sample, k: 10, .exact)
      #expect(reply.resultCounts == truth.resultCounts)
      #expect(reply.scores == truth.scores || !isSame)
    }
  }

  @Test("a flipped bit of an index section fences the collection at the next start")
  func damage() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    try Self.load(engine, Sample(400, seed: 37))
    try engine.beginBuild("c", generation: "g", type: .ivf).run()
    engine.close()
    let name = try #require(try fixture.segmentFiles.first)
    var bytes = try fixture.bytes(ofSegment: name)
    // The lists come right before calibration, directory and trailer: well within the last quarter.
    bytes[bytes.count - 3000] ^= 1
    try fixture.overwrite(segment: name, with: bytes)
    let again = try fixture.open()
    defer { again.close() }
    #expect(again.recovery.fences.count == 1)
  }
}

extension EngineFixture {
  func bytes(ofSegment name: String) throws -> [UInt8] {
    let file = try #require(fopen(directory + "/segments/" + name, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 24)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[0..<count])
  }

  func overwrite(segment name: String, with bytes: [UInt8]) throws {
    let path = directory + "/segments/" + name
    chmod(path, 0o600)
    let file = try #require(fopen(path, "r+"))
    defer { fclose(file) }
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}
