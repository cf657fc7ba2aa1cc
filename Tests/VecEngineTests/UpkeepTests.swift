import Glibc
import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Upkeep") struct UpkeepTests {
  private func store(
    _ name: String = "c", adjust: (inout EngineOptions) -> Void
  ) throws -> (EngineFixture, Engine) {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open(adjust: adjust)
    try engine.create(name, dimension: 4, metric: .ip)
    return (fixture, engine)
  }

  private func write(_ engine: Engine, _ name: String = "c", from first: UInt64, count: Int) throws {
    for id in first..<(first + UInt64(count)) {
      _ = try engine.upsert(name, [id], randomRows(1, 4, seed: id), dimension: 4)
    }
  }

  /// Flips a bit of a segment's vectors.
  @Test("deletes alone fill a delta too, so that the log and a restart stay short")
  func deletesFillADelta() throws {
    let (_, engine) = try store { $0.delta.rowsMax = 10 }
    defer { engine.close() }
    try write(engine, from: 0, count: 5)
    #expect(!engine.isUpkeepDue)
    for _ in 0..<9 { _ = try engine.delete("c", Array(1_000..<1_010)) }
    #expect(engine.isUpkeepDue)
    let step = try #require(try engine.upkeep { false })
    #expect(step.act == .seal && step.rowCount == 5)
    #expect(try engine.exact("c", [1, 1, 1, 1], k: 10).count == 5)
  }

  @Test("tokens stay in the order of their writes over a seal and a restart: the oldest are forgotten first")
  func oldestTokensFirst() throws {
    var (fixture, engine) = try store { $0.delta.rowsMax = 10 }
    func token(_ number: Int) -> WriteToken { WriteToken(high: 9, low: UInt64(number)) }
    for number in 1...11 {
      _ = try engine.upsert("c", [UInt64(number)], [1, 2, 3, 4], dimension: 4, token: token(number))
    }
    // The delta of the eleventh write gets the tokens of the ten before it, behind its own.
    #expect(try engine.upkeep { false }?.act == .seal)
    engine.close()
    engine = try fixture.open { $0.delta.idsPerRow = 1_000 }
    defer { engine.close() }
    for first in stride(from: 12, through: Limits.tokensMax + 5, by: 1_000) {
      let group = (first..<min(first + 1_000, Limits.tokensMax + 6)).map { number in
        Write.delete(DeleteRequest(collection: "c", token: token(number), ids: [1_000_000]))
      }
      for result in engine.write(group) { _ = try result.get() }
    }
    // Five more than are remembered. The known ones first: an unknown one is a write, and pushes the oldest out.
    for number in Array(6...11) + [12, Limits.tokensMax + 5] {
      #expect(try engine.delete("c", [1_000_000], token: token(number)).isRepeated, "token \(number)")
    }
    for number in 1...5 {
      #expect(try !engine.delete("c", [1_000_000], token: token(number)).isRepeated, "token \(number)")
    }
  }

  @Test("a fenced generation does not keep others from being sealed")
  func fencedDoesNotBlock() throws {
    let (fixture, engine) = try store("a") { $0.delta.rowsMax = 10 }
    defer { engine.close() }
    try engine.create("b", dimension: 4, metric: .ip)
    try write(engine, "a", from: 0, count: 5)
    _ = try engine.seal("a", generation: nil)
    try write(engine, "a", from: 100, count: 40)
    try write(engine, "b", from: 0, count: 11)
    try flipBit(fixture.directory + "/segments/" + (try #require(try fixture.segmentFiles.first)))
    #expect(engine.scrub(after: nil) { _ in }?.finding?.collection == "a")
    #expect(try engine.upkeep { false }?.collection == "b")
    #expect(try engine.upkeep { false } == nil)
    #expect(!engine.isUpkeepDue)
  }

  @Test("a merge reads every byte first: damage is not written again with a good checksum, and fences the generation")
  func mergeVerifies() throws {
    let (fixture, engine) = try store { _ in }
    defer { engine.close() }
    for round in UInt64(0)..<4 {
      try write(engine, from: round * 10, count: 3)
      _ = try engine.seal("c", generation: nil)
    }
    let files = try fixture.segmentFiles
    try flipBit(fixture.directory + "/segments/" + files[2])
    expectError(.segmentDamaged) { _ = try engine.upkeep { false } }
    #expect(try fixture.segmentFiles == files)
    #expect(try engine.list()[0].fence?.contains(files[2]) == true)
  }

  @Test("four sealed segments become one; those that a build cut stay as they were cut")
  func mergesSealedOnly() throws {
    let (_, engine) = try store { $0.segmentRows = 1_000 }
    defer { engine.close() }
    try engine.release("c", "g1", ids: Array(0..<5_000), vectors: randomRows(5_000, 4, seed: 1))
    #expect(try engine.generations("c")[0].segmentCount == 5)
    #expect(!engine.isUpkeepDue)
    for round in UInt64(0)..<4 {
      try write(engine, from: 10_000 + round * 10, count: 3)
      _ = try engine.seal("c", generation: nil)
    }
    #expect(try engine.upkeep { false }?.act == .merge)
    #expect(try engine.upkeep { false } == nil)
    #expect(try engine.generations("c")[0].segmentCount == 6)
    #expect(try engine.list()[0].liveRowCount == 5_012)
  }

  @Test("a generation under upkeep can be published and rolled back to; writes wait for an ingest into theirs")
  func publishDuringUpkeep() throws {
    let (_, engine) = try store { _ in }
    defer { engine.close() }
    try engine.release("c", "g1", ids: Array(0..<3_000), vectors: randomRows(3_000, 4, seed: 1))
    try engine.load("c", "g2", ids: Array(0..<3_000), vectors: randomRows(3_000, 4, seed: 2))
    try engine.beginBuild("c", generation: "g2", type: .ivf).run()
    _ = try engine.delete("c", [1], generation: "g2")
    var told: [String] = []
    _ = try engine.compact("c", generation: "g2") {
      guard told.isEmpty else { return false }
      told.append((try? engine.publish("c", label: "g2", expected: .any))?.live ?? "refused")
      told.append((try? engine.rollback("c"))?.live ?? "refused")
      do throws(VecError) { _ = try engine.beginBuild("c", generation: "g2", type: .flat) } catch { told.append(error.code.name) }
      return false
    }
    #expect(told == ["g2", "g1", "busy"])
    #expect(try engine.generations("c").map(\.state) == [.live, .retired])
    #expect(try engine.get("c", generation: "g2", ids: [1, 2]).found == [false, true])

    try engine.load("c", "g3", ids: [1], vectors: [1, 2, 3, 4])
    try engine.beginBuild("c", generation: "g3", type: .flat).run()
    let ingest = try engine.beginIngest("c", generation: "g3")
    let message = expectError(.busy) { _ = try engine.delete("c", [1], generation: "g3") }
    #expect(message.contains("an ingest"))
    ingest.abort()
    #expect(try engine.delete("c", [1], generation: "g3").existing == 1)
  }
}
