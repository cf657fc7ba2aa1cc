import Foundation
import Testing
import VecCore
import VecEngine

/// A whole store as vecd 0.1 left it, in `Formats/golden/store/v1`. It is copied and opened, and never written again.
@Suite("The golden store of version 0.1")
struct GoldenStoreTests {
  struct Expected: Decodable {
    struct Generation: Decodable {
      var label: String
      var number: UInt64
      var state: String
      var index: String?
      var rows: UInt64
      var segments: Int
    }

    /// By the definition of a score, in another language.
    struct Answer: Decodable {
      var generation: String
      var query: [Float]
      var ids: [UInt64]
      var scores: [Float]
    }

    struct Collection: Decodable {
      var name: String
      var metric: String
      var dimension: Int
      var sequence: UInt64
      var live: String
      var generations: [Generation]
      var answers: [Answer]
    }

    var collections: [Collection]
  }

  let fixture: EngineFixture
  let expected: Expected

  init() throws { (fixture, expected) = try Self.copy("v1") }

  static func folder(_ version: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Formats/golden/store/\(version)")
  }

  /// A copy of a golden store, and what it must answer.
  static func copy(_ version: String) throws -> (EngineFixture, Expected) {
    let folder = folder(version)
    let fixture = try EngineFixture()
    let store = folder.appendingPathComponent("store")
    for name in try FileManager.default.contentsOfDirectory(atPath: store.path) {
      try FileManager.default.copyItem(
        at: store.appendingPathComponent(name), to: URL(fileURLWithPath: fixture.directory + "/" + name))
    }
    let expected = try Data(contentsOf: folder.appendingPathComponent("expected.json"))
    return (fixture, try JSONDecoder().decode(Expected.self, from: expected))
  }

  private func check(_ engine: Engine, _ answers: [Expected.Answer], of collection: String) throws {
    for answer in answers {
      let request = SearchRequest(
        collection: collection, generation: answer.generation, k: answer.ids.count, effort: .exact,
        dimension: answer.query.count, vectors: answer.query)
      let found = try engine.search(request) { false }
      #expect(found.ids == answer.ids && found.scores == answer.scores, "\(collection) \(answer.generation)")
    }
  }

  @Test("opens with every collection, generation and index as they were, and gives the exact answers")
  func opens() throws {
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.removedFiles.isEmpty)
    let known = try engine.list()
    #expect(known.map(\.name) == expected.collections.map(\.name).sorted())
    for collection in expected.collections {
      let found = try #require(known.first { $0.name == collection.name })
      #expect(found.metric.name == collection.metric && found.dimension == collection.dimension)
      #expect(found.sequence == collection.sequence && found.liveGeneration == collection.live)
      let generations = try engine.generations(collection.name)
      #expect(generations.map(\.label) == collection.generations.map(\.label))
      for (found, right) in zip(generations, collection.generations) {
        #expect(found.number == right.number && found.state.name == right.state, "\(right.label)")
        #expect(found.index?.name == right.index && found.rowCount == right.rows, "\(right.label)")
        #expect(found.segmentCount == right.segments, "\(right.label)")
      }
      let built = generations.filter { $0.state != .building }.map(\.label)
      try check(engine, collection.answers.filter { built.contains($0.generation) }, of: collection.name)
    }
    #expect(try engine.verify(nil).findings.isEmpty)
  }

  @Test("answers by its lists and graphs, to the recall they were measured to have")
  func indexes() throws {
    let engine = try fixture.open()
    defer { engine.close() }
    let of: [(collection: String, generation: String, indexes: [IndexType])] = [
      ("products", "ivf", [.ivf]), ("products", "auto", [.ivf, .hnsw]), ("angles", "hnsw", [.hnsw]),
      ("places", "ivf", [.ivf]), ("places", "hnsw", [.hnsw]),
    ]
    for (name, label, indexes) in of {
      let answers = try #require(expected.collections.first { $0.name == name }).answers
      for index in indexes {
        for answer in answers.filter({ $0.generation == label }) {
          // All lists, or a candidate list as long as the generation: nothing may be missed but by a broken graph.
          let request = SearchRequest(
            collection: name, generation: label, k: 10, effort: index == .ivf ? .nprobe(1000) : .ef(400), index: index,
            dimension: 8, vectors: answer.query)
          let found = try engine.search(request) { false }
          #expect(found.index == index)
          #expect(Set(found.ids).intersection(answer.ids).count >= (index == .ivf ? 10 : 9), "\(name) \(label)")
        }
        let planned = SearchRequest(
          collection: name, generation: label, k: 10, effort: .recall(0.9), index: index, dimension: 8,
          vectors: answers[0].query)
        #expect(try engine.search(planned) { false }.expectedRecall >= 0.9, "\(name) \(label) has its calibration")
      }
    }
  }

  @Test("goes on from where it was: a build, a publish, a rollback, a drop, and all of it after another start")
  func goesOn() throws {
    var engine = try fixture.open()
    let products = try #require(expected.collections.first { $0.name == "products" })
    try engine.beginBuild("products", generation: "open", type: .ivf).run()
    try check(engine, products.answers, of: "products")
    #expect(try engine.publish("products", label: "open", expected: .label("auto")).replaced == "auto")
    #expect(try engine.publish("angles", label: "waiting", expected: .any).live == "waiting")
    #expect(try engine.rollback("angles").live == "hnsw")
    try engine.drop("places", generation: "hnsw")
    try engine.release("places", "new", ids: [1, 2], vectors: randomRows(2, 8, seed: 1))
    engine.close()
    engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty)
    #expect(try engine.list().map(\.liveGeneration) == ["hnsw", "new", "open"])
    #expect(try engine.generations("places").map(\.label) == ["ivf", "new"])
    try check(engine, products.answers, of: "products")
  }
}
