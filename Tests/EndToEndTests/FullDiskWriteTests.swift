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
}
