import Foundation
import Testing
import VecCore
import VecEngine

/// A store of manifest schema 5: that of version 4 with a bias set.
@Suite("The golden store with biases") struct GoldenBiasTests {
  private struct Expected: Codable {
    var set: String
    var ids: [UInt64]
    var values: [Float]
    var query: [Float]
    var results: [UInt64]
    var scores: [Float]
  }

  private static let set = "boost:eu"

  private func ask(_ engine: Engine, _ query: [Float]) throws -> SearchReply {
    try engine.search(
      SearchRequest(collection: "feed", k: 10, effort: .exact, dimension: query.count, vectors: query, bias: Self.set)
    ) { false }
  }

  @Test("opens with its biases, and gives the exact answers with and without")
  func opens() throws {
    if ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" { try write() }
    let (fixture, plain) = try GoldenStoreTests.copy("v5")
    let of = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: GoldenStoreTests.folder("v5").appendingPathComponent("biases.json")))
    #expect(try fixture.schemaVersion() == 5)
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.damagedSets.isEmpty)
    let held = try engine.biases("feed", set: of.set)
    #expect(held.ids == of.ids && held.values == of.values)
    let reply = try ask(engine, of.query)
    #expect(reply.ids == of.results && reply.scores == of.scores)
    #expect(try engine.generations("feed").map(\.label) == plain.collections.first?.generations.map(\.label))
  }

  /// Only where there is none yet.
  private func write() throws {
    let folder = GoldenStoreTests.folder("v5")
    guard !FileManager.default.fileExists(atPath: folder.path) else { return }
    let (fixture, plain) = try GoldenStoreTests.copy("v4")
    let engine = try fixture.open()
    let query = try #require(plain.collections.first?.answers.first?.query)
    let without = try ask(engine, query)
    // The last result before becomes the first, the first one leaves.
    try engine.bias("feed", Self.set, [without.ids[9]: 50.25, without.ids[0]: -1_000, 7_777_777: 1])
    let held = try engine.biases("feed", set: Self.set)
    let reply = try ask(engine, query)
    engine.close()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: URL(fileURLWithPath: fixture.directory), to: folder.appendingPathComponent("store"))
    try FileManager.default.copyItem(
      at: GoldenStoreTests.folder("v4").appendingPathComponent("expected.json"),
      to: folder.appendingPathComponent("expected.json"))
    let expected = Expected(
      set: Self.set, ids: held.ids, values: held.values, query: query, results: reply.ids, scores: reply.scores)
    try JSONEncoder().encode(expected).write(to: folder.appendingPathComponent("biases.json"))
  }
}
