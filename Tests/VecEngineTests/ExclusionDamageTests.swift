import Glibc
import Testing
import VecCore
import VecEngine
import VecStorage
import VecTestSupport

@Suite("Damage to named sets") struct ExclusionDamageTests {
  private static let marker: UInt64 = 0x1234_5678_9ABC_DEF1
  private static let other: UInt64 = 0x0FED_CBA9_8765_4321

  /// Sets `hurt`, of two appends, and `sound` of excluded ids, and `lift` of biases, in a collection with two rows.
  private func store() throws -> EngineFixture {
    let fixture = try EngineFixture(inMemory: true)
    let engine = try fixture.open()
    try engine.create("c", dimension: 2, metric: .ip)
    _ = try engine.upsert("c", [1, 2], [1, 0, 2, 0], dimension: 2)
    try engine.exclude("c", "hurt", [2, Self.marker])
    try engine.exclude("c", "sound", [2, Self.other])
    try engine.exclude("c", "hurt", [3])
    try engine.bias("c", "lift", [2: -1.5, 9: 0.25])
    engine.close()
    return fixture
  }

  private func places(of pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
    (0..<(bytes.count - pattern.count)).filter { Array(bytes[$0..<($0 + pattern.count)]) == pattern }
  }

  private func found(_ engine: Engine, _ set: String) throws -> [UInt64] {
    try engine.search(
      SearchRequest(collection: "c", k: 5, dimension: 2, vectors: [1, 0], excludeSets: [set])
    ) { false }.ids
  }

  @Test("is found at its set alone, whichever row of it has changed; forgetting the set or a repair ends it")
  func oneSet() throws {
    let fixture = try store()
    let sound = try fixture.bytes("manifest.sqlite")
    let marked = withUnsafeBytes(of: Self.marker.littleEndian) { Array($0) }
    let spots = places(of: marked, in: sound) + places(of: Array("hurt".utf8), in: sound)
    var harmless = 0
    for spot in spots {
      var bytes = sound
      bytes[spot + 1] ^= 4
      try fixture.write(bytes, to: "manifest.sqlite")
      if try isWhole(fixture) {
        harmless += 1
        continue
      }
      try fixture.write(bytes, to: "manifest.sqlite")
      try expectDamage(fixture)
      try fixture.write(bytes, to: "manifest.sqlite")
      let repair = try StoreRepair(storePath: fixture.directory)
      let finding = try #require(repair.findings.first)
      #expect(finding.consequence == "the set is forgotten: what it held is not excluded any more")
      #expect(repair.findings.count == 1 && finding.collection == "c" && finding.damage.contains("\"hurt\""))
      try repair.apply()
      repair.close()
      let mended = try fixture.open()
      #expect(mended.recovery.damagedSets.isEmpty)
      #expect(try found(mended, "sound") == [1] && found(mended, "hurt") == [2, 1])
      #expect(try mended.verify(nil).findings.isEmpty)
      mended.close()
    }
    // The id, and the name in the row of the set and in both of its parts. SQLite may have left a copy of the set's row as it
    // was before the second append, which nobody reads.
    #expect(spots.count - harmless == 4 && harmless <= 1, "\(spots.count) places, \(harmless) harmless")
  }

  /// Whether both sets are what they should be.
  private func isWhole(_ fixture: EngineFixture) throws -> Bool {
    let engine = try fixture.open()
    defer { engine.close() }
    guard engine.recovery.damagedSets.isEmpty else { return false }
    return try engine.exclusions("c", set: "hurt").ids == [2, 3, Self.marker]
      && engine.exclusions("c", set: "sound").ids == [2, Self.other]
  }

  private func expectDamage(_ fixture: EngineFixture) throws {
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.fences.isEmpty && engine.recovery.damagedSets.map(\.collection) == ["c"])
    #expect(engine.statistics.exclusionSets.damaged == 1)
    #expect(try found(engine, "sound") == [1] && found(engine, "new") == [2, 1])
    for act in [
      { _ = try found(engine, "hurt") }, { _ = try engine.exclusions("c", set: "hurt") },
      { try engine.exclude("c", "hurt", [4]) },
    ] {
      #expect(expectError(.manifestDamaged, act).contains("exclude set hurt of c is damaged"))
    }
    #expect(try engine.verify("c").findings.map(\.collection) == ["c"] && engine.verify(nil).findings.count == 1)
    expectError(.manifestDamaged) { _ = try engine.snapshot("s") }
    #expect(try engine.forget("c", "hurt"))
    #expect(try found(engine, "hurt") == [2, 1] && engine.verify(nil).findings.isEmpty)
    try engine.exclude("c", "hurt", [2])
    #expect(try found(engine, "hurt") == [1] && engine.statistics.exclusionSets.damaged == 0)
  }

  @Test("any flipped bit of the manifest is refused, fences the collection, is said of a set, or changes nothing")
  func flips() throws {
    let fixture = try store()
    let sound = try fixture.bytes("manifest.sqlite")
    var random = SplitMix64(seed: 99)
    let used = (100..<sound.count).filter { sound[$0] != 0 }
    var outcomes: [String: Int] = [:]
    // Some of everything, and every letter of what names the tables and the sets.
    let tables = ["exclusion_sets", "exclusion_parts", "bias_sets", "bias_parts"]
    let names = (tables + ["hurt", "sound", "lift"]).flatMap { name in
      places(of: Array(name.utf8), in: sound).flatMap { $0..<($0 + name.utf8.count) }
    }
    for place in names + (0..<500).map({ _ in used.randomElement(using: &random) ?? 0 }) {
      var bytes = sound
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      try fixture.write(bytes, to: "manifest.sqlite")
      fixture.remove("manifest.sqlite-wal")
      outcomes[try outcome(fixture, place), default: 0] += 1
    }
    #expect(Set(outcomes.keys) == ["refused", "fenced", "damaged", "harmless"], "\(outcomes)")
  }

  private func outcome(_ fixture: EngineFixture, _ place: Int) throws -> String {
    let engine: Engine
    do throws(VecError) {
      engine = try fixture.open()
    } catch {
      #expect([.manifestDamaged, .unsupportedFormat, .ioError, .cannotCreate].contains(error.code), "\(place): \(error)")
      return "refused"
    }
    defer { engine.close() }
    guard engine.recovery.fences.isEmpty else { return "fenced" }
    var isWhole = true
    for (set, ids) in [("hurt", [2, 3, Self.marker]), ("sound", [2, Self.other])] {
      do throws(VecError) {
        #expect(try engine.exclusions("c", set: set).ids == ids, "byte \(place)")
      } catch {
        #expect(error.code == .manifestDamaged, "byte \(place): \(error)")
        isWhole = false
      }
    }
    do throws(VecError) {
      #expect(try engine.biases("c", set: "lift") == Biases(ids: [2, 9], values: [-1.5, 0.25]), "byte \(place)")
    } catch {
      #expect(error.code == .manifestDamaged, "byte \(place): \(error)")
      isWhole = false
    }
    #expect(isWhole == engine.recovery.damagedSets.isEmpty, "byte \(place)")
    return isWhole ? "harmless" : "damaged"
  }

  @Test("a snapshot holds the sets as of its moment, and a killed daemon's store those that were answered")
  func copies() throws {
    let fixture = try store()
    let target = fixture.directory + "-restored"
    defer {
      removeTree(target)
      removeTree(fixture.directory + "/snapshots")
    }
    let engine = try fixture.open()
    let made = try engine.snapshot("s")
    try engine.exclude("c", "sound", [77])
    try engine.forget("c", "hurt")
    // What a kill would leave now.
    let files = try ["manifest.sqlite", "manifest.sqlite-wal"].map { ($0, try fixture.bytes($0)) }
    #expect(!files[1].1.isEmpty)
    engine.close()
    try SnapshotRestore(verifying: made.path).restore(to: target, uuid: UUID(high: 1, low: 1))
    let restored = try EngineFixture.open(target)
    #expect(try restored.exclusions("c", set: "sound").ids == [2, Self.other])
    #expect(try restored.exclusions("c", set: "hurt").ids == [2, 3, Self.marker])
    restored.close()
    for (name, bytes) in files { try fixture.write(bytes, to: name) }
    let killed = try fixture.open()
    #expect(try killed.exclusions("c", set: "sound").ids == [2, 77, Self.other])
    #expect(try killed.exclusions("c", set: "hurt").ids.isEmpty)
    killed.close()
  }

  @Test("a store of an older schema stays one until its first set, and then holds sets and writes", arguments: ["v1", "v2"])
  func olderSchema(version: String) throws {
    let (fixture, _) = try GoldenStoreTests.copy(version)
    var engine = try fixture.open()
    let held = try #require(try engine.list().first { $0.fence == nil && $0.liveGeneration != nil })
    #expect(try engine.exclusions(held.name, set: "u").ids.isEmpty)
    #expect(try !engine.forget(held.name, "u"))
    engine.close()
    #expect(try fixture.bytes("manifest.sqlite")[63] == (version == "v1" ? 1 : 2))
    engine = try fixture.open()
    try engine.exclude(held.name, "u", [5, 1])
    _ = try engine.upsert(
      held.name, [4_000_000], [Float](repeating: 0.5, count: held.dimension), dimension: held.dimension)
    engine.close()
    #expect(try fixture.bytes("manifest.sqlite")[63] == 3)
    engine = try fixture.open()
    #expect(try engine.exclusions(held.name, set: "u").ids == [1, 5])
    #expect(try engine.get(held.name, generation: nil, ids: [4_000_000]).found == [true])
    #expect(try engine.verify(nil).findings.isEmpty)
    engine.close()
  }
}
