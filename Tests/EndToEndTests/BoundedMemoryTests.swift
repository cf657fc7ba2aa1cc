import Foundation
import Glibc
import Testing

/// Millions of rows stream from a file through vecctl into the store, and neither program holds them.
@Suite("Memory of an ingest")
struct BoundedMemoryTests {
  static let rowCount = 2_000_000
  static let dimension = 8
  private static let mebibyte = 1 << 20

  /// What vecctl may take, whatever the size of the file.
  static let clientBytes = 96 * mebibyte
  /// What vecd may take: 24 bytes per row, as docs/OPERATING.md says, and what it takes anyway.
  static let daemonBytes = 24 * rowCount + 64 * mebibyte

  /// Ids that go up and down, so that they are really sorted; written a piece at a time.
  private static func writeIDs(_ daemon: DaemonFixture) throws {
    try daemon.write("ids.npy", SampleFiles.npy("<u8", shape: [rowCount], Data()))
    let file = try #require(FileHandle(forWritingAtPath: daemon.folder + "/ids.npy"))
    defer { try? file.close() }
    try file.seekToEnd()
    for start in stride(from: 0, to: rowCount, by: 100_000) {
      try file.write(contentsOf: SampleFiles.bytes((start..<(start + 100_000)).map { UInt64($0 ^ 0x5555) }))
    }
  }

  /// Rows that are zero but for the last one: a file with a hole, so that writing it costs nothing.
  private static func writeRows(_ daemon: DaemonFixture) throws {
    let header = SampleFiles.npy("<f4", shape: [rowCount, dimension], Data())
    try daemon.write("rows.npy", header)
    let end = header.count + rowCount * dimension * 4
    try #require(truncate(daemon.folder + "/rows.npy", off_t(end)) == 0)
    let file = try #require(FileHandle(forWritingAtPath: daemon.folder + "/rows.npy"))
    defer { try? file.close() }
    try file.seek(toOffset: UInt64(end - 4))
    try file.write(contentsOf: SampleFiles.bytes([Float(0.1)]))
  }

  /// A number of kilobytes in /proc/PID/status, in bytes.
  private static func memory(_ pid: pid_t, _ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
  }

  @Test("2,000,000 rows of a file go in within a fixed memory of vecctl and 24 bytes a row of vecd")
  func ingest() throws {
    let daemon = try DaemonFixture()
    try Self.writeIDs(daemon)
    try Self.writeRows(daemon)
    _ = try daemon.json("create", "items", "--dim", "8", "--metric", "ip")
    let running = try Program.start(
      "vecctl", ["--socket", daemon.socket, "--json", "ingest", "items", "rows.npy", "--ids", "ids.npy"],
      in: daemon.folder)
    var (client, server) = (0, 0)
    while running.process.isRunning {
      client = max(client, Self.memory(running.process.processIdentifier, "VmHWM"))
      // The pages of mapped files are the page cache's; the kernel keeps no high-water mark without them.
      server = max(server, Self.memory(daemon.pid, "RssAnon"))
      usleep(2_000)
    }
    let outcome = running.outcome()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(try outcome.json()["rows"] as? Int == Self.rowCount)
    #expect(client > Self.mebibyte && client <= Self.clientBytes, "vecctl took \(client >> 20) MiB")
    #expect(server > 8 * Self.rowCount && server <= Self.daemonBytes, "vecd took \(server >> 20) MiB")
    print("peak memory of an ingest of 2,000,000 rows: vecctl \(client >> 20) MiB, vecd \(server >> 20) MiB")
    _ = try daemon.json("build-index", "items", "--type", "flat", "--wait")
    let last = String((Self.rowCount - 1) ^ 0x5555)
    let found = try daemon.json("search", "items", "--vector", "0,0,0,0,0,0,0,1", "-k", "1", "--generation", "g1")
    #expect(try ChainTests.results(found).ids == [UInt64(last)])
  }
}
