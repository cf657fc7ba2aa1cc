import Foundation
import Testing
import VecCore
import VecEngine

/// A store of manifest schema 6: that of version 5 with a collection whose items are known by texts, some in a segment, some in
/// the log of writes.
@Suite("The golden store with string ids") struct GoldenStringIDTests {
  private struct Expected: Codable {
    var texts: [String]
    var query: [Float]
    var results: [String]
    var scores: [Float]
  }

  private static let query: [Float] = [0.5, -1, 0.25, 2, 0, 0, -0.125, 1]

  private func ask(_ engine: Engine) throws -> SearchReply {
    try engine.search(
      SearchRequest(
        collection: "shop", k: 10, effort: .exact, dimension: Self.query.count, vectors: Self.query, fields: .stringID)
    ) { false }
  }

  @Test("opens with its texts, and gives the exact answers; so does what stood in the store before")
  func opens() throws {
    if ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" { try write() }
    let (fixture, plain) = try GoldenStoreTests.copy("v6")
    let of = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: GoldenStoreTests.folder("v6").appendingPathComponent("string-ids.json")))
    #expect(try fixture.schemaVersion() == 6)
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.damagedSets.isEmpty)
    #expect(try engine.describe("shop").ids == .string && engine.describe("feed").ids == .number)
    let reply = try ask(engine)
    #expect(reply.records.map { $0.stringID?.text } == of.results && reply.scores == of.scores)
    let got = try engine.get("shop", generation: nil, ids: StringIDTests.ids(of.texts), fields: .all)
    #expect(got.records == of.texts.map { text in StringIDTests.records([text])[0] })
    #expect(try engine.generations("feed").map(\.label) == plain.collections.first?.generations.map(\.label))
    #expect(try engine.verify(nil).findings.isEmpty)
  }

  /// Only where there is none yet.
  private func write() throws {
    let folder = GoldenStoreTests.folder("v6")
    guard !FileManager.default.fileExists(atPath: folder.path) else { return }
    let (fixture, _) = try GoldenStoreTests.copy("v5")
    let engine = try StringIDTests.open(fixture)
    let texts = StringIDTests.texts(0..<40) + [StringIDTests.twins.0, "🛒 42"]
    // Multiples of 1/8, whose sums are exact in any order.
    let rows = randomRows(texts.count, Self.query.count, seed: 9).map { ($0 * 8).rounded() / 8 }
    for (place, text) in texts.enumerated() {
      _ = try StringIDTests.upsert(engine, [text], Array(rows[(place * 8)..<(place * 8 + 8)]))
      if place == 29 { _ = try engine.seal("shop", generation: nil) }
    }
    _ = try StringIDTests.delete(engine, [texts[3], texts[33]])
    let reply = try ask(engine)
    engine.close()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: URL(fileURLWithPath: fixture.directory), to: folder.appendingPathComponent("store"))
    try FileManager.default.copyItem(
      at: GoldenStoreTests.folder("v5").appendingPathComponent("expected.json"),
      to: folder.appendingPathComponent("expected.json"))
    let expected = Expected(
      texts: texts.filter { ![texts[3], texts[33]].contains($0) }, query: Self.query,
      results: reply.records.compactMap { $0.stringID?.text }, scores: reply.scores)
    try JSONEncoder().encode(expected).write(to: folder.appendingPathComponent("string-ids.json"))
  }
}
