import Foundation
import Glibc
import Testing
import VecCore

@Suite("The daemon as a process")
struct DaemonTests {
  @Test("only its owner can reach the socket and the store, and SIGTERM ends it with status 0 and no socket left")
  func modesAndStop() throws {
    let daemon = try DaemonFixture()
    #expect(try mode(daemon.socket) == 0o600)
    #expect(try mode(daemon.store) == 0o700)
    let outcome = try daemon.stop()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    for event in ["started", "listening", "stopped"] { #expect(outcome.stderr.contains(event), "\(outcome.stderr)") }
    #expect(access(daemon.socket, F_OK) != 0)
  }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(stat(path, &status) == 0, "\(path)")
    return status.st_mode & 0o777
  }

  @Test("a socket left by a killed daemon is replaced, and the store is there")
  func staleSocket() throws {
    let daemon = try DaemonFixture()
    _ = try daemon.json("create", "items", "--dim", "2", "--metric", "ip")
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    #expect(access(daemon.socket, F_OK) == 0, "it had no time to remove its socket")
    try daemon.start()
    #expect((try daemon.json("list")["collections"] as? [[String: Any]])?.first?["name"] as? String == "items")
  }

  struct BadStart: Sendable, CustomStringConvertible {
    var arguments: [String]
    /// An empty value: the variable is not set.
    var environment: [String: String] = [:]
    var status: Int32
    var code: VecErrorCode
    var words: [String]
    var description: String { (environment.map { "\($0)=\($1)" } + arguments).joined(separator: " ") }

    init(
      _ arguments: [String], environment: [String: String] = [:], _ status: Int32, _ code: VecErrorCode,
      _ words: String...
    ) {
      (self.arguments, self.environment, self.status, self.code) = (arguments, environment, status, code)
      self.words = words
    }
  }

  static let badStarts = [
    BadStart(["--store", "new", "--threads", "0"], 64, .invalidArgument, "--threads", "1 to 1024"),
    BadStart(["--store", "new", "--queue", "0"], 64, .invalidArgument, "--queue", "1 to 1000000"),
    BadStart(["--store", "new", "--write-timeout", "0"], 64, .invalidArgument, "--write-timeout", "1 to 3600"),
    BadStart(["--store", "new", "--connections", "0"], 64, .invalidArgument, "--connections", "1 to 100000"),
    BadStart(["--store", "new", "--memory-budget", "lots"], 64, .invalidArgument, "lots"),
    BadStart(["--store", "new", "--memory-budget", "1M"], 64, .invalidArgument, "256M"),
    BadStart(["--store", ""], 64, .invalidArgument, "--store"),
    BadStart(["--store", "file"], 73, .cannotCreate, "file"),
    BadStart(
      ["--store", "new", "--socket", String(repeating: "s", count: 120)], 64, .invalidArgument, "120", "107",
      "--socket"),
    BadStart(["--store", "new", "--socket", "no/such/folder/s"], 73, .cannotCreate, "no/such/folder"),
    BadStart(["--store", "new", "--socket", "file"], 73, .cannotCreate, "not a socket"),
    BadStart(
      ["--store", "new"], environment: ["VECD_KERNEL_TIER": "mmx"], 64, .invalidArgument, "mmx", "scalar"),
    BadStart([], environment: ["HOME": ""], 64, .invalidArgument, "--store", "VECD_STORE"),
    BadStart([], environment: ["VECD_STORE": "file"], 73, .cannotCreate, "file"),
    BadStart(["--store", "new", "--log-level", "loud"], 64, .invalidArgument, "loud", "warning"),
    BadStart(["--store", "new", "--threads", "many"], 64, .invalidArgument, "many", "--threads", "--help"),
    BadStart(["--store", "new", "--frobnicate"], 64, .invalidArgument, "frobnicate", "--help"),
    BadStart(["--store", "new", "more"], 64, .invalidArgument, "more", "--help"),
  ]

  @Test("a wrong start is refused in one line with the status of its kind")
  func badStart() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    for bad in Self.badStarts {
      let outcome = try Program.run("vecd", ["serve"] + bad.arguments, in: folder, environment: bad.environment)
      #expect(outcome.status == bad.status, "\(bad): \(outcome.stderr)")
      #expect(outcome.lines.count == 1, "\(bad): \(outcome.stderr)")
      #expect(outcome.stderr.hasPrefix("vecd: \(bad.code.name): "), "\(bad): \(outcome.stderr)")
      for word in bad.words { #expect(outcome.stderr.contains(word), "\(bad): \(outcome.stderr)") }
    }
    #expect(FileManager.default.contents(atPath: folder + "/file") == Data("x".utf8), "somebody's file is not touched")
    let verb = try Program.run("vecd", ["frobnicate"], in: folder)
    #expect(verb.status == 64 && verb.lines.count == 1 && verb.stderr.contains("frobnicate"), "\(verb.stderr)")
  }

  @Test("a second daemon on the same store or socket is told so, and the first goes on")
  func inUse() throws {
    let daemon = try DaemonFixture()
    let other = daemon.folder + "/other"
    let attempts = [
      (["serve", "--store", daemon.store, "--socket", daemon.folder + "/t"], daemon.store),
      (["serve", "--store", other, "--socket", daemon.socket], "--socket"),
      (["check", "--store", daemon.store], daemon.store),
    ]
    for (arguments, word) in attempts {
      let second = try Program.run("vecd", arguments, in: daemon.folder)
      #expect(second.status == 75 && second.lines.count == 1, "\(second.stderr)")
      #expect(second.stderr.hasPrefix("vecd: store-in-use: ") && second.stderr.contains(word), "\(second.stderr)")
      #expect(second.stderr.contains("process"), "\(second.stderr)")
    }
    #expect(try daemon.vecctl("ping").status == 0)
    #expect(try daemon.stop(SIGINT).status == 0, "SIGINT stops as SIGTERM does")
    try daemon.start()
    #expect(try daemon.vecctl("ping").status == 0)
  }

  @Test("help is there for every verb, and the main ones have examples")
  func help() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let verbs = [
      "create", "ingest", "build-index", "publish", "rollback", "generations", "search", "get", "list", "stats", "verify",
      "inspect", "drop", "bench", "ping", "upsert", "delete", "seal", "compact", "cancel-build", "snapshot", "restore",
    ]
    let plain: Set = ["list", "stats", "ping"]
    let all = try Program.run("vecctl", ["--help"], in: folder)
    #expect(all.status == 0)
    for verb in verbs {
      #expect(all.text.contains("\n  \(verb) "), "\(verb) is not in the list")
      let outcome = try Program.run("vecctl", [verb, "--help"], in: folder)
      #expect(outcome.status == 0 && outcome.text.contains("USAGE: vecctl \(verb)"))
      #expect(plain.contains(verb) || outcome.text.contains("Example"), "\(verb) has no example")
    }
    for arguments in [["--help"], ["serve", "--help"], ["check", "--help"]] {
      let outcome = try Program.run("vecd", arguments, in: folder)
      #expect(outcome.status == 0 && outcome.text.contains("Example"))
    }
    #expect(try Program.run("vecctl", ["--version"], in: folder).text.contains(VecVersion.number))
  }

  @Test("check removes nothing: leftovers are named, and gone after the next start")
  func checkKeepsLeftovers() throws {
    let daemon = try DaemonFixture.filled()
    try daemon.stop()
    let names = [".tmp-" + String(repeating: "cd", count: 16), String(repeating: "ab", count: 16) + ".vseg"]
    for name in names { try daemon.write("store/segments/" + name, Data([1, 2, 3])) }
    let files = Set(daemon.segmentFiles)
    let check = try Program.run("vecd", ["check", "--json", "--store", daemon.store], in: daemon.folder)
    #expect(check.status == 0, "\(check.stderr)")
    #expect(try check.json()["leftovers"] as? [String] == names)
    let text = try Program.run("vecd", ["check", "--store", daemon.store], in: daemon.folder).text
    #expect(text.contains("leftovers 2: .tmp-cd") && text.contains("all sound"))
    #expect(Set(daemon.segmentFiles) == files)
    try daemon.start()
    #expect(Set(daemon.segmentFiles) == files.subtracting(names))
  }

  @Test("a damaged segment fences its collection at the next start, and the others are served")
  func damagedSegment() throws {
    let daemon = try DaemonFixture.filled()
    let segment = daemon.store + "/segments/" + (try #require(daemon.segmentFiles.first))
    try daemon.stop()
    chmod(segment, 0o600)
    let file = try #require(FileHandle(forUpdatingAtPath: segment))
    try file.seek(toOffset: 200)
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: 200)
    try file.write(contentsOf: Data([byte ^ 0x04]))
    try file.close()
    let check = try Program.run("vecd", ["check", "--json", "--store", daemon.store], in: daemon.folder)
    #expect(check.status == 74)
    #expect((try check.json()["fences"] as? [Any])?.count == 1)
    try daemon.start()
    let answers = try ["items", "angles"].map { try daemon.vecctl("search", $0, "--vector", "1,0,0,1", "-k", "1") }
    #expect(answers.map(\.status).sorted() == [0, 74], "\(answers.map(\.stderr))")
    #expect(answers.contains { $0.stderr.contains("collection-fenced") })
    #expect(try daemon.vecctl("verify").status == 74)
  }
}
