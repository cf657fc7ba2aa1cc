import Glibc
import Testing
import VecCore
import VecEngine
import VecStorage
import VecTestSupport

@Suite("Snapshots and restores") struct StoreCopyTests {
  /// A store with a built generation, dead rows, a sealed delta and an open one.
  private func store() throws -> (EngineFixture, Engine) {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    try engine.create("c", dimension: 8, metric: .cosine)
    try engine.release("c", "g1", ids: Array(0..<500), vectors: randomRows(500, 8, seed: 1))
    _ = try engine.delete("c", [1, 2, 3])
    _ = try engine.upsert("c", [900], randomRows(1, 8, seed: 2), dimension: 8)
    _ = try engine.seal("c", generation: nil)
    _ = try engine.upsert("c", [901, 5], randomRows(2, 8, seed: 3), dimension: 8)
    return (fixture, engine)
  }

  private func answers(_ engine: Engine) throws -> [[UInt64]] {
    try (0..<20).map { try engine.exact("c", randomRows(1, 8, seed: 50 + $0), k: 30).map(\.id) }
  }

  private func remove(_ path: String) { removeTree(path) }

  @Test("a restored snapshot answers as the store did when it was made, whatever was written since")
  func roundTrip() throws {
    let (fixture, engine) = try store()
    let target = fixture.directory + "-restored"
    defer {
      remove(target)
      remove(fixture.directory + "/snapshots")
    }
    let before = try answers(engine)
    let made = try engine.snapshot("monday")
    #expect(made.path == fixture.directory + "/snapshots/monday" && made.fileCount == 3)
    expectError(.cannotCreate) { _ = try engine.snapshot("monday") }
    _ = try engine.delete("c", Array(0..<400))
    _ = try engine.compact("c", generation: nil) { false }
    engine.close()

    let restore = try SnapshotRestore(verifying: made.path)
    #expect(restore.byteCount == made.byteCount)
    try restore.restore(to: target, uuid: UUID(high: 1, low: 1))
    let other = try EngineFixture.open(target)
    #expect(try answers(other) == before)
    _ = try other.upsert("c", [7_000], randomRows(1, 8, seed: 9), dimension: 8)
    other.close()
    // The snapshot itself is untouched: it can be restored again.
    _ = try SnapshotRestore(verifying: made.path)
    expectError(.cannotCreate) { try restore.restore(to: target, uuid: UUID(high: 1, low: 2)) }
  }

  @Test("a snapshot with any byte changed, a file missing or one too many is refused as a whole")
  func damage() throws {
    let (fixture, engine) = try store()
    let path = try engine.snapshot("s").path
    engine.close()
    defer { remove(fixture.directory + "/snapshots") }
    var random = SplitMix64(seed: 20_261_127)
    let files = try EngineFixture.names(in: path + "/segments").map { path + "/segments/" + $0 }
      + [path + "/manifest.sqlite", path + "/" + SnapshotListing.fileName]
    for round in 0..<400 {
      let file = files[round % files.count]
      let place = try flip(file, &random)
      #expect(throws: VecError.self, "\(file), byte \(place.byte)") { _ = try SnapshotRestore(verifying: path) }
      try put(file, place)
    }
    _ = try SnapshotRestore(verifying: path)
    #expect(rename(files[0], path + "/elsewhere") == 0)
    #expect(throws: VecError.self) { _ = try SnapshotRestore(verifying: path) }
    #expect(rename(path + "/elsewhere", files[0]) == 0)
    #expect(link(files[0], path + "/segments/other.vseg") == 0)
    expectError(.malformedFile) { _ = try SnapshotRestore(verifying: path) }
  }

  private func flip(_ path: String, _ random: inout SplitMix64) throws -> (byte: Int, value: UInt8) {
    chmod(path, 0o600)
    let file = try #require(fopen(path, "r+"))
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let place = Int.random(in: 0..<ftell(file), using: &random)
    fseek(file, place, SEEK_SET)
    let value = UInt8(truncatingIfNeeded: fgetc(file))
    fseek(file, place, SEEK_SET)
    fputc(Int32(value ^ 1 << UInt8.random(in: 0..<8, using: &random)), file)
    return (place, value)
  }

  private func put(_ path: String, _ place: (byte: Int, value: UInt8)) throws {
    let file = try #require(fopen(path, "r+"))
    defer { fclose(file) }
    fseek(file, place.byte, SEEK_SET)
    fputc(Int32(place.value), file)
  }

  @Test("what a snapshot that was cut off has left is removed by the next start")
  func leftovers() throws {
    let (fixture, engine) = try store()
    engine.close()
    defer { remove(fixture.directory + "/snapshots") }
    let left = fixture.directory + "/snapshots/.tmp-1"
    #expect(system("mkdir -p '\(left)/segments' && touch '\(left)/manifest.sqlite' '\(left)/segments/a'") == 0)
    try fixture.open().close()
    #expect(access(left, F_OK) != 0)
  }
}

@Suite("Damage under a running store") struct LiveDamageTests {
  @Test("a segment cut short under its mapping fences its generation, and the process lives")
  func cutUnderMapping() throws {
    let fixture = try EngineFixture()
    // No memory for codes, so that searches read the mapping itself.
    let engine = try fixture.open(memoryBudget: 200_000)
    defer { engine.close() }
    try engine.create("c", dimension: 64, metric: .ip)
    let ids = Array(UInt64(0)..<4_000)
    let ingest = try engine.beginIngest("c", generation: "g1")
    try ingest.append(ids: ids, vectors: randomRows(4_000, 64, seed: 1))
    _ = try ingest.commit()
    try engine.create("other", dimension: 4, metric: .ip)
    _ = try engine.upsert("other", [1], [1, 2, 3, 4], dimension: 4)
    let name = try #require(try fixture.segmentFiles.first)
    try publishUnbuilt(engine)
    let path = fixture.directory + "/segments/" + name
    #expect(try engine.exact("c", randomRows(1, 64, seed: 2), k: 5).count == 5)
    chmod(path, 0o600)
    #expect(truncate(path, 4_096) == 0)
    let message = expectError(.segmentDamaged) { _ = try engine.exact("c", randomRows(1, 64, seed: 2), k: 5) }
    #expect(message.contains(path))
    expectError(.collectionFenced) { _ = try engine.exact("c", randomRows(1, 64, seed: 2), k: 5) }
    expectError(.collectionFenced) { _ = try engine.delete("c", [1]) }
    #expect(try engine.exact("other", [1, 0, 0, 0], k: 1).map(\.id) == [1])
  }

  @Test("a segment cut short while it is rewritten ends the build: zeros get no good checksum")
  func cutUnderBuild() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 64, metric: .ip)
    try engine.load("c", "g1", ids: Array(0..<4_000), vectors: randomRows(4_000, 64, seed: 1))
    let name = try #require(try fixture.segmentFiles.first)
    let path = fixture.directory + "/segments/" + name
    var isCut = false
    let message = expectError(.segmentDamaged) {
      try engine.beginBuild("c", generation: "g1", type: .ivf).run {
        if !isCut {
          isCut = true
          chmod(path, 0o600)
          truncate(path, 8_192)
        }
        return false
      }
    }
    #expect(isCut && message.contains(path))
    #expect(try fixture.segmentFiles == [name])
    #expect(try engine.generations("c")[0].state == .building)
  }

  /// Flat needs no rewrite of a single segment.
  private func publishUnbuilt(_ engine: Engine) throws {
    try engine.beginBuild("c", generation: "g1", type: .flat).run()
    _ = try engine.publish("c", label: "g1", expected: .any)
  }

  @Test("a scrub reads all segments in a round, and finds and fences a flipped bit")
  func scrub() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    for name in ["a", "b", "c"] {
      try engine.create(name, dimension: 8, metric: .ip)
      try engine.release(name, "g1", ids: Array(0..<100), vectors: randomRows(100, 8, seed: 1))
    }
    func round() -> [VerifyReport.Finding?] {
      var findings: [VerifyReport.Finding?] = []
      var last: UUID?
      while let next = engine.scrub(after: last, progress: { _ in }) {
        findings.append(next.finding)
        last = next.segment
      }
      return findings
    }
    #expect(round() == [nil, nil, nil])
    let path = fixture.directory + "/segments/" + (try fixture.segmentFiles)[1]
    chmod(path, 0o600)
    let file = try #require(fopen(path, "r+"))
    fseek(file, 4_200, SEEK_SET)
    let value = fgetc(file)
    fseek(file, 4_200, SEEK_SET)
    fputc(value ^ 4, file)
    fclose(file)
    let found = round().compactMap { $0 }
    #expect(found.count == 1 && found.first?.file == path)
    #expect(try engine.list().filter { $0.fence != nil }.map(\.name) == found.map(\.collection))
    #expect(round() == [nil, nil])
  }
}
