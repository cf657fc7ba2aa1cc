import Foundation
import Testing
import VecAttributes
import VecCore
import VecEngine

/// A store of manifest schema 3 with attributes, payloads and exclude sets, and the way there from schema 2.
@Suite("The golden store with attributes") struct GoldenItemsTests {
  private struct Expected: Decodable {
    struct Filter: Decodable {
      var text: String
      var query: [Float]
      var ids: [UInt64]
      var scores: [Float]
    }

    struct Item: Decodable {
      var id: UInt64
      /// Of Formats/attributes.md, in hexadecimal digits.
      var record: String
    }

    var filters: [Filter]
    var items: [Item]
    var excluded: [UInt64]
    var without: Filter
  }

  private func open() throws -> (EngineFixture, Expected) {
    let (fixture, _) = try GoldenStoreTests.copy("v3")
    let folder = GoldenStoreTests.folder("v3")
    return (
      fixture, try JSONDecoder().decode(Expected.self, from: Data(contentsOf: folder.appendingPathComponent("items.json")))
    )
  }

  private func hex(_ record: AttributeRecord) -> String {
    record.encode().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test("opens with its attributes, payloads, filters and exclude sets, also when everything has moved into new segments")
  func opens() throws {
    let (fixture, expected) = try open()
    var engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.removedFiles.isEmpty && engine.recovery.writeCount > 0)
    for round in 0..<3 {
      #expect(try engine.describe("shop").attributes.map(\.name) == ["price", "stock", "fresh", "brand", "tags", "late"])
      let got = try engine.get("shop", generation: nil, ids: expected.items.map(\.id), fields: .all)
      #expect(got.records.map(hex) == expected.items.map(\.record), "round \(round)")
      func ask(_ filter: Expected.Filter, sets: [String] = []) throws -> SearchReply {
        try engine.search(
          SearchRequest(
            collection: "shop", k: 10, effort: .exact, dimension: 8, vectors: filter.query, excludeSets: sets,
            filter: filter.text.isEmpty ? [] : Filter(parsing: filter.text).encode())
        ) { false }
      }
      for filter in expected.filters {
        let found = try ask(filter)
        #expect(found.ids == filter.ids && found.scores == filter.scores, "\(filter.text), round \(round)")
      }
      #expect(try engine.exclusions("shop", set: "user-17").ids == expected.excluded)
      #expect(try ask(expected.without, sets: ["user-17"]).ids == expected.without.ids)
      #expect(try engine.verify(nil).findings.isEmpty)
      if round == 0 { _ = try engine.compact("shop", generation: nil) { false } }
      if round == 1 {
        engine.close()
        engine = try fixture.open()
      }
    }
  }

  @Test("a store of schema 2 stays one until its first attribute, and then has them")
  func upgrade() throws {
    let (fixture, _) = try GoldenStoreTests.copy("v2")
    func version() throws -> UInt8 { try Data(contentsOf: URL(fileURLWithPath: fixture.directory + "/manifest.sqlite"))[63] }
    var engine = try fixture.open()
    _ = try engine.upsert("items", [7], [1, 2, 3, 4, 5, 6, 7, 8], dimension: 8)
    engine.close()
    #expect(try version() == 2)
    engine = try fixture.open()
    _ = try engine.addAttribute(AttributeDefinition(name: "price", type: .float), to: "items")
    let record = AttributeRecord([(0, .float(9.5))], payload: [1, 2])
    let write = UpsertRequest(
      collection: "items", dimension: 8, ids: [7], vectors: [8, 7, 6, 5, 4, 3, 2, 1], records: [record])
    _ = try engine.write([.upsert(write)])[0].get()
    engine.close()
    #expect(try version() == 3)
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.get("items", generation: nil, ids: [7], fields: .all).records == [record])
    #expect(try engine.verify(nil).findings.isEmpty)
  }
}
