import Glibc
import Testing
import VecCore
import VecEngine
import VecTestSupport

@Suite("Damage to single writes, and repair") struct RepairTests {
  private static let marker: [Float] = [12_345.5, -54_321.25, 777.125, 0.0078125]

  /// Writes 0 to 9 in an open delta; write 5 holds the marker.
  private func store() throws -> EngineFixture {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    try engine.create("c", dimension: 4, metric: .ip)
    for id in UInt64(0)..<10 {
      _ = try engine.upsert("c", [id], id == 5 ? Self.marker : [Float(id), 1, 2, 3], dimension: 4)
    }
    try engine.create("sound", dimension: 4, metric: .ip)
    _ = try engine.upsert("sound", [1], [1, 2, 3, 4], dimension: 4)
    engine.close()
    return fixture
  }

  /// Flips a bit where the bytes of a vector lie in a file.
  private func flip(_ vector: [Float], in path: String) throws {
    chmod(path, 0o600)
    let pattern = vector.withUnsafeBytes { [UInt8]($0) }
    let file = try #require(fopen(path, "r+"))
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: ftell(file))
    rewind(file)
    #expect(fread(&bytes, 1, bytes.count, file) == bytes.count)
    let place = try #require((0..<(bytes.count - 16)).first { Array(bytes[$0..<($0 + 16)]) == pattern }, "not in \(path)")
    fseek(file, place + 3, SEEK_SET)
    fputc(Int32(bytes[place + 3] ^ 8), file)
  }

  @Test("a flipped bit in a logged vector fences its generation; a repair keeps the writes before it, all others are served")
  func delta() throws {
    let fixture = try store()
    try flip(Self.marker, in: fixture.directory + "/manifest.sqlite")
    let engine = try fixture.open()
    let fences = engine.recovery.fences
    #expect(fences.map(\.collection) == ["c"] && fences[0].reason.contains("write 6 fails its checksum"))
    expectError(.collectionFenced) { _ = try engine.exact("c", [1, 0, 0, 0], k: 1) }
    expectError(.collectionFenced) { _ = try engine.upsert("c", [1], [1, 2, 3, 4], dimension: 4) }
    #expect(try engine.exact("sound", [1, 0, 0, 0], k: 1).map(\.id) == [1])
    #expect(try engine.verify(nil).findings.map(\.collection) == ["c"])
    engine.close()

    let plan = try StoreRepair(storePath: fixture.directory)
    #expect(plan.findings.map(\.consequence) == ["5 of its 10 writes are lost"])
    plan.close()
    let unchanged = try fixture.open()
    #expect(unchanged.recovery.fences.count == 1)
    unchanged.close()

    let repair = try StoreRepair(storePath: fixture.directory)
    try repair.apply()
    repair.close()
    let mended = try fixture.open()
    defer { mended.close() }
    #expect(mended.recovery.fences.isEmpty)
    #expect(try mended.exact("c", [1, 0, 0, 0], k: 20).map(\.id) == [4, 3, 2, 1, 0])
    _ = try mended.upsert("c", [5], Self.marker, dimension: 4)
    #expect(try mended.get("c", generation: nil, ids: [5]).vectors == Self.marker)
    #expect(try mended.verify(nil).findings.isEmpty)
  }

  @Test("a repair sets a damaged segment aside, says how many rows are lost, and the rest of the generation is served")
  func segment() throws {
    let fixture = try store()
    var engine = try fixture.open()
    _ = try engine.seal("c", generation: nil)
    _ = try engine.upsert("c", [100], [9, 9, 9, 9], dimension: 4)
    engine.close()
    let name = try #require(try fixture.segmentFiles.first)
    let path = fixture.directory + "/segments/" + name
    defer {
      unlink(fixture.directory + "/damaged/" + name)
      rmdir(fixture.directory + "/damaged")
    }
    try flip(Self.marker, in: path)
    engine = try fixture.open()
    #expect(engine.recovery.fences.count == 1)
    engine.close()
    let repair = try StoreRepair(storePath: fixture.directory)
    #expect(repair.findings.count == 1 && repair.findings[0].consequence.contains("10 rows are lost"))
    #expect(repair.findings[0].generation == "g1" && repair.findings[0].damage.contains(path))
    try repair.apply()
    repair.close()
    #expect(access(fixture.directory + "/damaged/" + name, F_OK) == 0)
    engine = try fixture.open()
    #expect(engine.recovery.fences.isEmpty)
    #expect(try engine.exact("c", [1, 0, 0, 0], k: 20).map(\.id) == [100])
    engine.close()
  }
}
