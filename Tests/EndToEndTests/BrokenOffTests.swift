import Foundation
import Testing
import VecCore

/// Work that ends before its time, by a signal, a second writer or a full disk: what was acknowledged is there, of the
/// rest nothing.
@Suite("Work broken off")
struct BrokenOffTests {
  private static func lines(_ ids: Range<Int>) -> Data {
    Data(ids.map { "{\"id\": \($0), \"vector\": [1, 2, 3, 4]}\n" }.joined().utf8)
  }

  /// How many requests of a kind the daemon has answered well.
  private static func count(_ daemon: DaemonFixture, _ kind: String) throws -> Int {
    let requests = try daemon.json("stats")["requests"] as? [String: [String: Any]]
    return requests?[kind]?["count"] as? Int ?? 0
  }

  /// An ingest into the generation `half` that waits for more of its standard input. Of 150,000 rows a block has been
  /// sent, of one row none.
  private static func waitingIngest(_ daemon: DaemonFixture, rows: Int) throws -> (running: Running, pipe: Pipe) {
    let pipe = Pipe()
    let kind = rows > 100_000 ? "ingest rows" : "ingest begin"
    let before = try count(daemon, kind)
    let running = try Program.start(
      "vecctl", ["--socket", daemon.socket, "ingest", "items", "-", "--generation", "half"], in: daemon.folder,
      input: .pipe(pipe))
    try pipe.fileHandleForWriting.write(contentsOf: lines(1000..<(1000 + rows)))
    if rows > 0 { #expect(try eventually { try count(daemon, kind) > before }, "\(running.log)") }
    return (running, pipe)
  }

  /// Whether a process does something of its own about a signal.
  private static func minds(_ signal: Int32, _ process: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return false }
    return status.split(separator: "\n").contains { line in
      let parts = line.split(separator: "\t")
      guard parts.count == 2, ["SigIgn:", "SigCgt:"].contains(parts[0]) else { return false }
      return (UInt64(parts[1], radix: 16) ?? 0) >> UInt64(signal - 1) & 1 == 1
    }
  }

  @Test(
    "Ctrl-C or SIGTERM during an ingest ends it at once, leaves nothing of it, and says so",
    arguments: [SIGINT, SIGTERM], [0, 1, 150_000])
  func interrupted(signal: Int32, rows: Int) throws {
    let daemon = try DaemonFixture.filled()
    let before = try daemon.trace()
    let (running, pipe) = try Self.waitingIngest(daemon, rows: rows)
    // It has to be ready to be interrupted.
    let process = running.process.processIdentifier
    if rows == 0 {
      #expect(eventually { Self.minds(signal, process) })
      usleep(100_000)  // ignored first, heeded soon after
    }
    let start = ContinuousClock.now
    kill(process, signal)
    let outcome = running.outcome()
    #expect(ContinuousClock.now - start < .seconds(2), "a person waits for it")
    #expect(outcome.status == 130)
    #expect(outcome.lines.count == 1 && outcome.stderr.contains("interrupted"), "\(outcome.stderr)")
    #expect(outcome.stderr.contains("nothing of it was kept"), "\(outcome.stderr)")
    #expect(outcome.stdout.isEmpty)
    #expect(try eventually { try daemon.trace() == before }, "\(daemon.segmentFiles)")
    try daemon.expectUntouched()
    try? pipe.fileHandleForWriting.close()
  }

  @Test("kill -9 of vecctl during an ingest leaves nothing of it in the daemon")
  func killed() throws {
    let daemon = try DaemonFixture.filled()
    let (running, pipe) = try Self.waitingIngest(daemon, rows: 150_000)
    kill(running.process.processIdentifier, SIGKILL)
    #expect(running.outcome().status == 128 + SIGKILL)
    #expect(try eventually { (try daemon.json("stats")["connections"] as? [String: Any])?["open"] as? Int == 1 })
    try daemon.expectUntouched()
    try? pipe.fileHandleForWriting.close()
  }

  @Test("the daemon's stop during an ingest is told in one line, and after the next start nothing is there")
  func daemonStops() throws {
    let daemon = try DaemonFixture.filled()
    let (running, pipe) = try Self.waitingIngest(daemon, rows: 150_000)
    #expect(try daemon.stop().status == 0)
    try pipe.fileHandleForWriting.write(contentsOf: Self.lines(500_000..<500_010))
    try pipe.fileHandleForWriting.close()
    let outcome = running.outcome()
    #expect(outcome.status == 75 && outcome.lines.count == 1, "\(outcome.status) \(outcome.stderr)")
    let isNamed = ["[connection-lost]", "[shutting-down]"].contains { outcome.stderr.hasSuffix($0 + "\n") }
    #expect(isNamed, "\(outcome.stderr)")
    try daemon.start()
    try daemon.expectUntouched()
  }

  @Test("a second writer of a generation is told to wait, and the first loses nothing")
  func busy() throws {
    let daemon = try DaemonFixture.filled()
    _ = try daemon.json("ingest", "items", "good.npy", "--generation", "half")
    let (running, pipe) = try Self.waitingIngest(daemon, rows: 150_000)
    let attempts = [
      ["ingest", "items", "good.npy", "--ids", "good-ids.npy"],
      ["build-index", "items", "--type", "flat", "--wait"],
      ["drop", "items", "--yes"],
    ]
    for attempt in attempts {
      let outcome = try daemon.vecctl(attempt + ["--generation", "half"])
      expectRefusal(outcome, 75, .busy, ["half"], "\(attempt)")
    }
    let publish = try daemon.vecctl("publish", "items", "half")
    expectRefusal(publish, 65, .generationState, ["half", "build"], "a publish during an ingest")
    #expect(try daemon.generations("items")["half"]?["rows"] as? Int == 3, "what is not committed is not counted")
    try pipe.fileHandleForWriting.close()
    let outcome = running.outcome()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(try daemon.generations("items")["half"]?["rows"] as? Int == 150_003)
  }

  @Test("an id that the generation holds already is refused with its row, and the rows of before stay")
  func idExists() throws {
    let daemon = try DaemonFixture.filled()
    _ = try daemon.json("ingest", "items", "good.npy", "--ids", "good-ids.npy", "--generation", "next")
    let before = try daemon.trace()
    try daemon.write("more.npy", SampleFiles.ids([40, 20, 50]))
    let outcome = try daemon.vecctl("ingest", "items", "good.npy", "--ids", "more.npy", "--generation", "next")
    expectRefusal(outcome, 65, .idExists, ["id 20", "row 1", "next", "nothing of it was kept"], "an id again")
    #expect(try daemon.trace() == before)
  }

  @Test("a disk that is full refuses an ingest in one line, keeps nothing of it, and takes a smaller one")
  func fullDisk() throws {
    // Files of at most 1 MiB: the spool of the ingest cannot grow further, and the kernel says so as on a full disk.
    let daemon = try DaemonFixture(options: ["--ballast", "512K"], fileSizeLimit: 1 << 20)
    _ = try daemon.json("create", "items", "--dim", "4", "--metric", "ip")
    try daemon.write("large.npy", SampleFiles.vectors((0..<100_000).map { [Float($0), 1, 2, 0.1] }))
    try daemon.write("small.npy", SampleFiles.vectors((0..<1000).map { [Float($0), 1, 2, 0.1] }))
    let before = try daemon.trace()
    for json in [false, true] {
      let arguments = ["ingest", "items", "large.npy", "--generation", "g"]
      let outcome = try daemon.vecctl(json ? arguments + ["--json"] : arguments)
      expectRefusal(outcome, 74, .storageFull, ["nothing of it was kept"], "a full disk", json: json)
      #expect(try daemon.trace() == before)
    }
    _ = try daemon.json("ingest", "items", "small.npy", "--generation", "g")
    _ = try daemon.json("build-index", "items", "--generation", "g", "--type", "flat", "--wait")
    _ = try daemon.json("publish", "items", "g")
    let found = try daemon.json("search", "items", "--vector", "1,0,0,0", "-k", "2")
    #expect(try ChainTests.results(found).ids == [999, 998])
    #expect(try (daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }
}
