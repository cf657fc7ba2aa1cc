import Glibc
import Testing
import VecCore
import VecEngine

@Suite struct RecoveryTests {
  func store() throws -> EngineFixture {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    for name in ["one", "two"] {
      try engine.create(name, dimension: 4, metric: .ip)
      try engine.release(name, "g", ids: (0..<50).map { UInt64($0) }, vectors: randomRows(50, 4, seed: 9))
    }
    return fixture
  }

  @Test("leftovers of interrupted work are removed and never block; foreign files stay")
  func leftovers() throws {
    let fixture = try store()
    let segments = fixture.directory + "/segments/"
    let orphan = String(repeating: "ab", count: 16) + ".vseg"
    for name in [".tmp-" + String(repeating: "cd", count: 16), orphan, "notes.txt"] {
      let file = try #require(fopen(segments + name, "w"))
      fputs("left over", file)
      fclose(file)
    }
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.removedFiles.count == 2)
    #expect(engine.recovery.fences.isEmpty)
    #expect(try fixture.segmentFiles.count == 3 && fixture.segmentFiles.contains("notes.txt"))
  }

  @Test("a damaged segment fences its collection and no other, names the file, and drop frees the name")
  func fence() throws {
    let fixture = try store()
    let victim = fixture.directory + "/segments/" + (try fixture.segmentFiles[0])
    chmod(victim, 0o600)
    let file = try #require(fopen(victim, "r+"))
    fseek(file, 300, SEEK_SET)
    let byte = getc(file)
    fseek(file, 300, SEEK_SET)
    putc(byte ^ 0x10, file)
    fclose(file)
    let engine = try fixture.open()
    defer { engine.close() }
    let fenced = try #require(engine.recovery.fences.first)
    let healthy = fenced.collection == "one" ? "two" : "one"
    #expect(engine.recovery.fences.count == 1 && fenced.reason.contains(".vseg"))
    expectError(.collectionFenced) { _ = try engine.find(fenced.collection, [1, 2, 3, 4], k: 1, dimension: 4) }
    #expect(try engine.find(healthy, [1, 2, 3, 4], k: 1, dimension: 4).ids.count == 1)
    #expect(try engine.list().filter { $0.fence != nil }.map(\.name) == [fenced.collection])
    let report = try engine.verify(nil)
    #expect(report.findings.map(\.collection) == [fenced.collection])
    try engine.drop(fenced.collection, generation: nil)
    try engine.create(fenced.collection, dimension: 4, metric: .ip)
    #expect(try engine.verify(nil).findings.isEmpty)
  }

  @Test("a missing segment fences its collection")
  func missing() throws {
    let fixture = try store()
    unlink(fixture.directory + "/segments/" + (try fixture.segmentFiles[1]))
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.count == 1)
  }

  @Test("a store in use is refused, and free again after close")
  func inUse() throws {
    let fixture = try store()
    let engine = try fixture.open()
    expectError(.storeInUse) { _ = try fixture.open() }
    engine.close()
    expectError(.shuttingDown) { _ = try engine.find("one", [1, 2, 3, 4], k: 1, dimension: 4) }
    try fixture.open().close()
  }

  @Test("verify reads every byte and names what is wrong while the store is open")
  func verifyFinds() throws {
    let fixture = try store()
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(try engine.verify(nil).findings.isEmpty)
    #expect(try engine.verify("one").fileCount == 2)
    let victim = fixture.directory + "/segments/" + (try fixture.segmentFiles[0])
    chmod(victim, 0o600)
    truncate(victim, 500)
    let findings = try engine.verify(nil).findings
    #expect(findings.count == 1 && findings[0].file == victim)
  }

  @Test("the same input builds the same bytes, whatever the kernel tier")
  func determinism() throws {
    func bytes(_ tier: String) throws -> [[UInt8]] {
      let fixture = try EngineFixture()
      let engine = try fixture.open(tier: tier)
      try engine.create("c", dimension: 12, metric: .cosine)
      try engine.load("c", "g", ids: (0..<400).map { UInt64($0 * 3) }, vectors: randomRows(400, 12, seed: 5))
      try engine.load("c", "g", ids: (0..<100).map { UInt64($0 * 3 + 1) }, vectors: randomRows(100, 12, seed: 6))
      try engine.beginBuild("c", generation: "g", type: .flat).run()
      engine.close()
      return try fixture.segmentFiles.map { name in
        let file = try #require(fopen(fixture.directory + "/segments/" + name, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[0..<count])
      }
    }
    let first = try bytes("scalar")
    #expect(first.count == 1 && first[0].count > 1000)
    let tiers = try EngineFixture().availableTiers()
    for tier in tiers { #expect(try bytes(tier) == first, "tier \(tier)") }
  }
}

extension EngineFixture {
  /// The tiers this CPU has, by asking for each.
  func availableTiers() throws -> [String] {
    try ["scalar", "avx2", "avx512", "neon"].filter { tier in
      do {
        try open(tier: tier).close()
        return true
      } catch let error as VecError where error.code == .invalidArgument || error.code == .notAvailable {
        return false
      }
    }
  }
}

@Suite("A damaged generation") struct DamagedGenerationTests {
  /// Two generations, `new` live in the place of `old`, and the only segment file of `new`.
  private func store(_ fixture: EngineFixture) throws -> String {
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 4, metric: .ip)
    try engine.release("c", "old", ids: Array(0..<20), vectors: randomRows(20, 4, seed: 1))
    let before = Set(try fixture.segmentFiles)
    try engine.release("c", "new", ids: Array(100..<120), vectors: randomRows(20, 4, seed: 2))
    return try #require(Set(try fixture.segmentFiles).subtracting(before).first)
  }

  /// What must hold once `new` is fenced.
  private func check(_ engine: Engine, _ name: String) throws {
    let query: [Float] = [1, 2, 3, 4]
    let message = expectError(.collectionFenced) { _ = try engine.exact("c", query, k: 3) }
    #expect(message.contains("generation new of c") && message.contains(name))
    #expect(try engine.list()[0].fence?.contains("generation new") == true)
    #expect(try engine.exact("c", query, k: 3, generation: "old").count == 3)
    expectError(.collectionFenced) { _ = try engine.upsert("c", [1], query, dimension: 4) }
    expectError(.collectionFenced) { _ = try engine.seal("c", generation: nil) }
    expectError(.collectionFenced) { _ = try engine.snapshot("s") }
    #expect(try engine.upkeep { false } == nil)
    #expect(try engine.rollback("c").live == "old")
    expectError(.collectionFenced) { _ = try engine.publish("c", label: "new", expected: .any) }
    _ = try engine.upsert("c", [1, 500], query + query, dimension: 4)
    #expect(try engine.exact("c", query, k: 30).count == 21)
    try engine.drop("c", generation: "new")
    #expect(try engine.list()[0].fence == nil)
    _ = try engine.snapshot("s")
    removeTree(try engine.snapshot("s2").path)
  }

  @Test("at a start is fenced alone: the others of its collection are searched, written, and rolled back to")
  func atStart() throws {
    let fixture = try EngineFixture()
    let name = try store(fixture)
    defer { removeTree(fixture.directory + "/snapshots") }
    try flipBit(fixture.directory + "/segments/" + name)
    let engine = try fixture.open()
    #expect(engine.recovery.fences.map(\.collection) == ["c"])
    try check(engine, name)
    engine.close()
    let again = try fixture.open()
    #expect(again.recovery.fences.isEmpty && again.recovery.removedFiles == [name])
    again.close()
  }

  @Test("that a scrub finds is fenced alone")
  func whileRunning() throws {
    let fixture = try EngineFixture()
    let name = try store(fixture)
    defer { removeTree(fixture.directory + "/snapshots") }
    let engine = try fixture.open()
    defer { engine.close() }
    try flipBit(fixture.directory + "/segments/" + name)
    var last: UUID?
    var findings = 0
    while let (segment, finding) = engine.scrub(after: last, progress: { _ in }) {
      (last, findings) = (segment, findings + (finding == nil ? 0 : 1))
    }
    #expect(findings == 1)
    try check(engine, name)
  }
}
