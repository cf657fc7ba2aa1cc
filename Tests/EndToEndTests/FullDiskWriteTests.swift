import Foundation
import Testing
import VecCore

/// Single writes, and the work that they make necessary, on a disk that is really full.
@Suite("Single writes on a full disk", .enabled(if: TinyDisk.isPossible, "needs the right to mount a tmpfs"))
struct FullDiskWriteTests {
  private static func upkeep(_ daemon: DaemonFixture) throws -> [String: Any] {
    try #require(try daemon.json("stats")["upkeep"] as? [String: Any])
  }

  private static func rows(_ ids: Range<Int>) -> Data {
    Data(ids.map { "{\"id\": \($0), \"vector\": [\($0 % 7), 1, 2, 3]}\n" }.joined().utf8)
  }

  @Test("an upsert that finds no room is refused and leaves nothing; with room the same one succeeds")
  func write() throws {
    let (daemon, disk) = try DaemonFixture.onTinyDisk(8 << 20)
    _ = try daemon.json("create", "items", "--dim", "4", "--metric", "ip")
    _ = try daemon.json("upsert", "items", "-", input: Self.rows(0..<10))
    let before = try daemon.vecctl("search", "items", "--vector", "1,0,0,0", "-k", "20").text
    try disk.leave(0)
    let refused = try daemon.vecctl("upsert", "items", "-", input: Self.rows(0..<8000))
    expectRefusal(refused, 74, .storageFull, ["nothing was written before"], "an upsert without room")
    #expect(try daemon.vecctl("search", "items", "--vector", "1,0,0,0", "-k", "20").text == before)
    disk.free()
    let written = try daemon.json("upsert", "items", "-", input: Self.rows(0..<8000))
    #expect(written["replaced"] as? Int == 10 && written["new"] as? Int == 7990)
    #expect((try daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }

  @Test("a seal that finds no room is tried again after a pause, not all the time, and done when there is room")
  func seal() throws {
    let (daemon, disk) = try DaemonFixture.onTinyDisk(24 << 20)
    _ = try daemon.json("create", "items", "--dim", "4", "--metric", "ip")
    for part in 0..<3 {
      _ = try daemon.json("upsert", "items", "-", "--batch", "16384", input: Self.rows((part * 11_000)..<((part + 1) * 11_000)))
    }
    // A change of the catalogue folds the log. The next write begins another delta, so the one before is due; its segment
    // needs more than is left.
    _ = try daemon.json("create", "other", "--dim", "4", "--metric", "ip")
    try disk.leave(192 << 10)
    _ = try daemon.json("upsert", "items", "--id", "1000000", "--vector", "1,2,3,4")
    #expect(try eventually { (try Self.upkeep(daemon)["failures"] as? Int ?? 0) >= 1 })
    usleep(2_500_000)
    let late = try Self.upkeep(daemon)
    #expect((1...3).contains(late["failures"] as? Int ?? 0), "\(late)")
    #expect(late["due"] as? Bool == true && (late["last_error"] as? String)?.hasPrefix("storage-full") == true, "\(late)")
    #expect(daemon.segmentFiles.isEmpty)
    disk.free()
    #expect(try eventually { (try Self.upkeep(daemon)["steps"] as? Int ?? 0) >= 1 })
    #expect(try Self.upkeep(daemon)["last_error"] is NSNull)
    #expect(daemon.segmentFiles.count == 1)
    let list = try daemon.json("list")["collections"] as? [[String: Any]]
    #expect(list?.first?["live_rows"] as? Int == 33_001)
    #expect((try daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }

  /// 20,000 rows of 64 values, about 5 MB, and a disk that somebody else then fills to the last byte.
  private static func fullDisk(index: String, ballast: String) throws -> (daemon: DaemonFixture, disk: TinyDisk, ids: [UInt64]) {
    let (daemon, disk) = try DaemonFixture.onTinyDisk(96 << 20, ballast: ballast)
    _ = try daemon.json("create", "items", "--dim", "64", "--metric", "ip")
    let sample = SampleRows(seed: 31, count: 20_000, dimension: 64)
    try daemon.write("rows.npy", SampleFiles.vectors(sample.rows))
    try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
    try daemon.write("users.npy", SampleFiles.vectors(SampleRows(seed: 32, count: 5, dimension: 64).rows))
    _ = try daemon.json("ingest", "items", "rows.npy", "--ids", "ids.npy", "--generation", "v1")
    _ = try daemon.json("build-index", "items", "--generation", "v1", "--type", index, "--wait")
    _ = try daemon.json("publish", "items", "v1")
    try disk.leave(0)
    return (daemon, disk, sample.ids)
  }

  private static func delete(_ ids: ArraySlice<UInt64>, _ daemon: DaemonFixture) throws {
    try daemon.write("gone.npy", SampleFiles.ids(Array(ids)))
    let outcome = try daemon.vecctl("delete", "items", "--ids-file", "gone.npy")
    #expect(outcome.status == 0, "\(outcome.stderr)")
  }

  private static func answer(_ daemon: DaemonFixture) throws -> String {
    let outcome = try daemon.vecctl("search", "items", "--queries", "users.npy", "-k", "50", "--exact")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.text
  }

  @Test(
    "on a disk without a byte left, deleted rows make room: they are compacted with the room that is held back",
    arguments: ["flat", "ivf", "hnsw"])
  func compaction(index: String) throws {
    let (daemon, disk, ids) = try Self.fullDisk(index: index, ballast: "24M")
    let vector = [String](repeating: "1", count: 64).joined(separator: ",")
    let upsert = ["upsert", "items", "--id", "77", "--vector", vector]
    expectRefusal(try daemon.vecctl(upsert), 74, .storageFull, [], "an upsert on a full disk")
    let before = try daemon.segmentBytes()
    // Fewer than make a compaction due.
    try Self.delete(ids[..<4_000], daemon)
    #expect(try daemon.segmentBytes() == before)
    try Self.delete(ids[4_000..<9_000], daemon)
    // So few rows are no reason to build an index anew but if somebody says so.
    if index != "flat" { _ = try daemon.json("compact", "items") }
    #expect(try eventually { try daemon.segmentBytes() < before * 7 / 10 })
    #expect(try eventually { try Self.upkeep(daemon)["due"] as? Bool == false })
    let answer = try Self.answer(daemon)
    let list = try daemon.json("list")["collections"] as? [[String: Any]]
    #expect(list?.first?["live_rows"] as? Int == 11_000)
    // The room is held back again before anything is added; what the compaction freed may be just enough, or not.
    disk.free()
    #expect(try daemon.vecctl(upsert).status == 0)
    #expect(try daemon.json("stats")["ballast_bytes"] as? Int == 24 << 20)
    _ = try daemon.json("delete", "items", "--ids", "77")
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(try Self.answer(daemon) == answer)
    #expect((try daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }

  @Test("a compaction that is too large for the room that is held back changes nothing, and gives the room back")
  func tooLarge() throws {
    let (daemon, disk, ids) = try Self.fullDisk(index: "flat", ballast: "2M")
    func ballast() throws -> Int? { try daemon.json("stats")["ballast_bytes"] as? Int }
    try Self.delete(ids[..<9_000], daemon)
    #expect(try eventually { (try Self.upkeep(daemon)["failures"] as? Int ?? 0) >= 1 })
    #expect(try eventually { try ballast() ?? 0 > 256 << 10 })
    let (files, answer) = (daemon.segmentFiles, try Self.answer(daemon))
    expectRefusal(try daemon.vecctl("compact", "items"), 74, .storageFull, [], "a compaction without room")
    #expect(daemon.segmentFiles == files)
    #expect(try Self.answer(daemon) == answer)
    try Self.delete(ids[9_000..<9_010], daemon)
    #expect(try eventually { try ballast() ?? 0 > 256 << 10 })
    // A start on the full disk finds what is left of it.
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(try eventually { try ballast() ?? 0 > 256 << 10 })
    try Self.delete(ids[9_010..<9_020], daemon)
    disk.free()
    #expect(try eventually { try Self.upkeep(daemon)["due"] as? Bool == false })
    let list = try daemon.json("list")["collections"] as? [[String: Any]]
    #expect(list?.first?["live_rows"] as? Int == 10_980)
    #expect((try daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }
}
