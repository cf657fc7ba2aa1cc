import Foundation
import Testing
import VecCore
import VecEngine

/// A store of manifest schema 4 with model versions, settings and captured queries.
@Suite("The golden store with models") struct GoldenModelsTests {
  private struct Expected: Decodable {
    var models: [String?]
    var captured: [String: [Float]]
    var model_policy: String
    var captured_queries: Int
    var gauge_share: Float
  }

  @Test("opens with its versions, settings and captured queries, routes by them, and gives the exact answers")
  func opens() throws {
    let (fixture, expected) = try GoldenStoreTests.copy("v4")
    let of = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: GoldenStoreTests.folder("v4").appendingPathComponent("models.json")))
    #expect(try fixture.schemaVersion() == 4)
    var engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.removedFiles.isEmpty)
    let feed = try #require(expected.collections.first)
    let settings = try engine.describe("feed").settings
    #expect(settings.modelPolicy.name == of.model_policy && settings.capturedQueries == of.captured_queries)
    #expect(settings.gaugeShare == of.gauge_share)
    #expect(try engine.describe("bare").settings == CollectionSettings())
    for round in 0..<2 {
      let generations = try engine.generations("feed")
      #expect(generations.map(\.label) == feed.generations.map(\.label) && generations.map(\.model) == of.models)
      #expect(generations.map(\.state.name) == feed.generations.map(\.state))
      #expect(try engine.list().first { $0.name == "feed" }?.sequence == feed.sequence)
      for (label, vectors) in of.captured {
        #expect(try engine.capturedQueries("feed", generation: label).vectors == vectors, "\(label), round \(round)")
      }
      engine.close()
      engine = try fixture.open()
    }
    for answer in feed.answers {
      let model = try engine.generations("feed").first { $0.label == answer.generation }?.model
      let found = try engine.search(
        SearchRequest(
          collection: "feed", generation: model == nil ? answer.generation : nil, k: answer.ids.count, effort: .exact,
          dimension: 8, vectors: answer.query, model: model)
      ) { false }
      #expect(found.ids == answer.ids && found.scores == answer.scores && found.generation == answer.generation)
    }
  }
}
