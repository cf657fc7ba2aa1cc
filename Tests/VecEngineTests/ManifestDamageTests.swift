import Glibc
import Testing
import VecCore
import VecEngine
import VecTestSupport

/// A store as kill -9 leaves it, whose manifest then changes on the disk: detected or harmless, never silent loss.
@Suite struct ManifestDamageTests {
  /// A collection `c` with two generations, and the manifest after each step since the first was live.
  private func store() throws -> (fixture: EngineFixture, images: [[UInt8]]) {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    func image() throws -> [UInt8] {
      // What a kill would leave now: everything acknowledged is in the one file.
      #expect(try fixture.bytes("manifest.sqlite-wal").isEmpty)
      return try fixture.bytes("manifest.sqlite")
    }
    try engine.create("c", dimension: 4, metric: .ip)
    try engine.configure("c", SettingsChange(modelPolicy: .route, gaugeShare: 0.25))
    try engine.release("c", "g1", ids: [1, 2, 3], vectors: randomRows(3, 4, seed: 1))
    var images = [try image()]
    try engine.load("c", "g2", rows: 2, firstID: 4, dimension: 4, model: "tower-7")
    images.append(try image())
    try engine.beginBuild("c", generation: "g2", type: .flat).run()
    images.append(try image())
    _ = try engine.publish("c", label: "g2", expected: .any)
    images.append(try image())
    return (fixture, images)
  }

  private func states(_ engine: Engine) throws -> [String: GenerationState] {
    Dictionary(uniqueKeysWithValues: try engine.generations("c").map { ($0.label, $0.state) })
  }

  @Test("any flipped bit of the manifest is refused, fences its collection, or changes nothing; no segment goes")
  func flips() throws {
    let (fixture, images) = try store()
    let sound = try #require(images.last)
    let files = try fixture.segmentFiles
    var outcomes: [String: Int] = [:]
    var random = SplitMix64(seed: 20_261_127)
    // Two bits of every byte of SQLite's header, and some of the rest, mostly where something is.
    let used = (100..<sound.count).filter { sound[$0] != 0 }
    let bytes = (0..<200).map { $0 / 2 } + (0..<1_200).map { _ in used.randomElement(using: &random) ?? 0 }
      + (0..<300).map { _ in Int.random(in: 100..<sound.count, using: &random) }
    let places = bytes.map { $0 * 8 + Int.random(in: 0..<8, using: &random) }
    for bit in places {
      var bytes = sound
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      try fixture.write(bytes, to: "manifest.sqlite")
      outcomes[try outcome(fixture, bit), default: 0] += 1
      #expect(try fixture.segmentFiles == files, "bit \(bit): segments went")
    }
    #expect(outcomes.count == 3, "the flips did not hit everything: \(outcomes)")
  }

  /// What opening says, with everything published still there if it says nothing.
  private func outcome(_ fixture: EngineFixture, _ bit: Int) throws -> String {
    fixture.remove("manifest.sqlite-wal")
    let engine: Engine
    do throws(VecError) {
      engine = try fixture.open()
    } catch {
      #expect([.manifestDamaged, .unsupportedFormat, .ioError, .cannotCreate].contains(error.code), "bit \(bit): \(error)")
      return "refused"
    }
    defer { engine.close() }
    guard engine.recovery.fences.isEmpty else { return "fenced" }
    #expect(try states(engine) == ["g1": .retired, "g2": .live], "bit \(bit)")
    #expect(try engine.generations("c").map(\.model) == [nil, "tower-7"], "bit \(bit)")
    let settings = try engine.describe("c").settings
    #expect(settings.modelPolicy == .route && settings.gaugeShare == 0.25, "bit \(bit)")
    #expect(try engine.find("c", [1, 2, 3, 4], k: 5, dimension: 4).ids.sorted() == [4, 5], "bit \(bit)")
    return "harmless"
  }

  @Test("a log of several changes with a bad frame in the middle stops the start, and no segment goes")
  func damagedLog() throws {
    let (fixture, images) = try store()
    let files = try fixture.segmentFiles
    let log = LogForge.log(from: images)
    try fixture.write(images[0], to: "manifest.sqlite")
    var bad = log
    bad[LogForge.headerBytes + 1000] ^= 1
    try fixture.write(bad, to: "manifest.sqlite-wal")
    for _ in 0..<2 {
      let message = expectError(.manifestDamaged) { try fixture.open().close() }
      #expect(message.contains("manifest.sqlite-wal") && message.contains("backup"))
    }
    #expect(try fixture.segmentFiles == files && fixture.bytes("manifest.sqlite-wal") == bad)
    try fixture.write(log, to: "manifest.sqlite-wal")
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(try states(engine) == ["g1": .retired, "g2": .live])
  }

  @Test("where a crash may explain the bad frame the start goes on, and keeps the files that the manifest does not know")
  func doubtfulLog() throws {
    let (fixture, images) = try store()
    let files = try fixture.segmentFiles
    var log = LogForge.log(from: [images[0], images[1]])
    log[LogForge.headerBytes + 1000] ^= 1
    try fixture.write(images[0], to: "manifest.sqlite")
    try fixture.write(log, to: "manifest.sqlite-wal")
    for _ in 0..<2 {
      let engine = try fixture.open()
      defer { engine.close() }
      #expect(try states(engine) == ["g1": .live])
      #expect(engine.recovery.doubt != nil && engine.recovery.keptFiles.count == files.count - 1)
      #expect(try fixture.segmentFiles == files && engine.recovery.removedFiles.isEmpty)
    }
    fixture.remove("manifest.sqlite-wal.doubtful")
    let engine = try fixture.open()
    defer { engine.close() }
    #expect(engine.recovery.doubt == nil && engine.recovery.removedFiles.count == files.count - 1)
  }

  @Test("a store whose manifest is gone is not taken for a new one", arguments: [true, false])
  func missingManifest(isEmpty: Bool) throws {
    let (fixture, images) = try store()
    let files = try fixture.segmentFiles
    if isEmpty { try fixture.write([], to: "manifest.sqlite") } else { fixture.remove("manifest.sqlite") }
    for _ in 0..<2 { expectError(.manifestDamaged) { try fixture.open().close() } }
    #expect(try fixture.segmentFiles == files)
    try fixture.write(try #require(images.last), to: "manifest.sqlite")
    try fixture.open().close()
  }

  @Test("an opening that is to keep leftovers names them and removes nothing")
  func keptLeftovers() throws {
    let (fixture, _) = try store()
    let names = [".tmp-" + String(repeating: "cd", count: 16), String(repeating: "ab", count: 16) + ".vseg"]
    for name in names { try fixture.write([1, 2, 3], to: "segments/" + name) }
    let files = try fixture.segmentFiles
    let engine = try fixture.open(keepsLeftovers: true)
    #expect(engine.recovery.keptFiles == names && engine.recovery.removedFiles.isEmpty)
    engine.close()
    #expect(try fixture.segmentFiles == files)
  }
}

extension EngineFixture {
  /// A file of the store; empty when it is not there.
  func bytes(_ name: String) throws -> [UInt8] {
    guard let file = fopen(directory + "/" + name, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    try #require(count < bytes.count)
    return Array(bytes[..<count])
  }

  func write(_ bytes: [UInt8], to name: String) throws {
    let file = try #require(fopen(directory + "/" + name, "w"))
    defer { fclose(file) }
    let count = fwrite(bytes, 1, bytes.count, file)
    try #require(count == bytes.count)
  }

  func remove(_ name: String) { unlink(directory + "/" + name) }
}
