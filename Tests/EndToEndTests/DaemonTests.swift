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
    #expect(outcome.stderr.contains("started") && outcome.stderr.contains("listening") && outcome.stderr.contains("stopped"))
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
    let pid = try #require(try daemon.json("stats")["pid"] as? Int)
    kill(pid_t(pid), SIGKILL)
    for _ in 0..<200 where daemon.isRunning { usleep(10_000) }
    #expect(access(daemon.socket, F_OK) == 0, "it had no time to remove its socket")
    try daemon.start()
    #expect((try daemon.json("list")["collections"] as? [[String: Any]])?.first?["name"] as? String == "items")
  }

  struct BadStart: Sendable, CustomStringConvertible {
    var arguments: [String]
    var status: Int32
    var words: [String]
    var description: String { arguments.joined(separator: " ") }
  }

  static let badStarts = [
    BadStart(arguments: ["--store", "new", "--threads", "0"], status: 64, words: ["--threads", "1 to 1024"]),
    BadStart(arguments: ["--store", "new", "--memory-budget", "lots"], status: 64, words: ["lots"]),
    BadStart(arguments: ["--store", "new", "--memory-budget", "1M"], status: 64, words: ["256M"]),
    BadStart(arguments: ["--store", ""], status: 64, words: ["--store"]),
    BadStart(arguments: ["--store", "file"], status: 73, words: ["file"]),
    BadStart(
      arguments: ["--store", "new", "--socket", String(repeating: "s", count: 120)], status: 64, words: ["107"]),
    BadStart(arguments: ["--store", "new", "--socket", "no/such/folder/s"], status: 73, words: ["no/such/folder"]),
  ]

  @Test("a wrong start is refused in one line with the status of its kind", arguments: badStarts)
  func badStart(bad: BadStart) throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    let outcome = try Program.run("vecd", ["serve"] + bad.arguments, in: folder)
    #expect(outcome.status == bad.status, "\(outcome.stderr)")
    #expect(outcome.lines.filter { $0.hasPrefix("vecd: ") || $0.hasPrefix("Error: ") }.count == 1, "\(outcome.stderr)")
    for word in bad.words { #expect(outcome.stderr.contains(word), "\(outcome.stderr)") }
  }

  @Test("a second daemon on the same store is told so, and the first goes on")
  func storeInUse() throws {
    let daemon = try DaemonFixture()
    let second = try Program.run("vecd", ["serve", "--store", daemon.store, "--socket", daemon.folder + "/t"], in: daemon.folder)
    #expect(second.status == 75)
    #expect(second.stderr.contains("store-in-use") || second.stderr.contains("another"), "\(second.stderr)")
    let check = try Program.run("vecd", ["check", "--store", daemon.store], in: daemon.folder)
    #expect(check.status == 75, "\(check.stderr)")
    #expect(try daemon.vecctl("ping").status == 0)
  }

  @Test("garbage, a frame beyond the limit and a client that never reads leave it serving others")
  func hostileClients() throws {
    let daemon = try DaemonFixture()
    let garbage = try connect(daemon)
    send(garbage, Array("GET / HTTP/1.1\r\n\r\n".utf8))
    let tooLong = try connect(daemon)
    // A header that announces 4 GiB; the rest of it is never looked at.
    send(tooLong, [0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 28))
    let silent = try connect(daemon)
    send(silent, [4, 0])
    for client in [garbage, tooLong] {
      var byte: [UInt8] = [0]
      // It answers or closes within the socket's timeout of ten seconds; either way nobody waits for ever.
      #expect(recv(client, &byte, 1, 0) >= 0 || errno == ECONNRESET)
    }
    for _ in 0..<20 { #expect(try daemon.vecctl("ping").status == 0) }
    for client in [garbage, tooLong, silent] { close(client) }
    #expect(try daemon.vecctl("list").status == 0)
    #expect(try daemon.stop().status == 0)
  }

  private func connect(_ daemon: DaemonFixture) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: daemon.socket.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0, "errno \(errno)")
    var timeout = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    return descriptor
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  @Test("help is there for every verb, and the main ones have examples")
  func help() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let verbs = [
      "create", "ingest", "build-index", "publish", "rollback", "generations", "search", "get", "list", "stats", "verify",
      "inspect", "drop", "bench", "ping", "upsert", "delete", "snapshot", "restore",
    ]
    let plain: Set = ["list", "stats", "ping", "upsert", "delete", "snapshot", "restore"]
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

  @Test("a damaged segment fences its collection at the next start, and the others are served")
  func damagedSegment() throws {
    let daemon = try BadInputTests.filled()
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
