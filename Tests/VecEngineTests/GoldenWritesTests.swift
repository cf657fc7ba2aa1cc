import Foundation
import Testing
import VecCore
import VecEngine
import VecTestSupport

/// Stores of manifest schema 2, which holds single writes, and the way there from schema 1.
@Suite("Golden stores with single writes") struct GoldenWritesTests {
  /// `PRAGMA user_version`, as SQLite's file format has it at byte 60.
  private func schemaVersion(_ fixture: EngineFixture) throws -> UInt8 {
    try Data(contentsOf: URL(fileURLWithPath: fixture.directory + "/manifest.sqlite"))[63]
  }

  @Test("a store of schema 2 opens with its deltas, dead rows and tokens, and gives the exact answers")
  func opens() throws {
    let (fixture, expected) = try GoldenStoreTests.copy("v2")
    var engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.removedFiles.isEmpty && engine.recovery.writeCount > 9)
    // Again after all deltas and dead rows have become part of segments, and again after a start.
    for round in 0..<3 {
      for collection in expected.collections {
        let generation = try #require(try engine.generations(collection.name).first)
        #expect(generation.rowCount == collection.generations[0].rows && generation.label == collection.live)
        #expect(try engine.sequence(of: collection.name) >= collection.sequence)
        for answer in collection.answers {
          let found = try engine.exact(collection.name, answer.query, k: answer.ids.count)
          #expect(found.map(\.id) == answer.ids && found.map(\.score) == answer.scores, "\(collection.name) \(round)")
        }
        let token = (0..<16).map { UInt8($0) }.withUnsafeBytes { bytes in
          WriteToken(high: bytes.loadUnaligned(as: UInt64.self), low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        let again = try engine.upsert(collection.name, [1], [9, 9, 9, 9, 9, 9, 9, 9], dimension: 8, token: token)
        #expect(again.isRepeated, "the token of the first upsert is known")
        if round == 0 { _ = try engine.compact(collection.name, generation: nil) { false } }
      }
      #expect(try engine.verify(nil).findings.isEmpty)
      if round == 1 {
        engine.close()
        engine = try fixture.open()
      }
    }
  }

  @Test("a store of schema 1 stays one until its first single write, and then takes them")
  func upgrade() throws {
    let (fixture, _) = try GoldenStoreTests.copy("v1")
    var engine = try fixture.open()
    _ = try engine.rollback("products")
    engine.close()
    #expect(try schemaVersion(fixture) == 1)
    engine = try fixture.open()
    let before = try engine.list().first { $0.name == "products" }?.liveRowCount ?? 0
    _ = try engine.upsert("products", [7_777_777], [1, 2, 3, 4, 5, 6, 7, 8], dimension: 8)
    engine.close()
    #expect(try schemaVersion(fixture) == 2)
    engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.get("products", generation: nil, ids: [7_777_777]).vectors == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try engine.list().first { $0.name == "products" }?.liveRowCount == before + 1)
    #expect(try engine.verify(nil).findings.isEmpty)
  }

  @Test("a manifest of a later schema is refused, and nothing is changed")
  func later() throws {
    let (fixture, _) = try GoldenStoreTests.copy("v2")
    let url = URL(fileURLWithPath: fixture.directory + "/manifest.sqlite")
    var bytes = try Data(contentsOf: url)
    bytes[63] = 7
    try bytes.write(to: url)
    let files = try fixture.segmentFiles
    let message = expectError(.unsupportedFormat) { try fixture.open().close() }
    #expect(message.contains("schema version 7") && message.contains("newer vecd"))
    #expect(try Data(contentsOf: url) == bytes && fixture.segmentFiles == files)
  }
}
