import Foundation
import Testing
import VecCore

/// Promises on a disk that is really full: the command says so in one line, nothing of it is left, what is live answers
/// as before, and once there is room the same command succeeds, without a restart.
@Suite("A full disk", .enabled(if: TinyDisk.isPossible, "needs the right to mount a tmpfs"))
struct FullDiskTests {
  static let dimension = 16

  /// A generation `live`, one `old` that it replaced, and `next` with the rows of three ingests, not built yet.
  private static func filled() throws -> (daemon: DaemonFixture, disk: TinyDisk, next: SampleRows) {
    let (daemon, disk) = try DaemonFixture.onTinyDisk(16 << 20)
    _ = try daemon.json("create", "items", "--dim", "16", "--metric", "ip")
    for (seed, label) in [(21, "old"), (22, "live")] {
      let sample = SampleRows(seed: UInt64(seed), count: 200, dimension: dimension)
      try daemon.write("rows.npy", SampleFiles.vectors(sample.rows))
      try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
      try daemon.publish("items", "rows.npy", ids: "ids.npy", as: label)
    }
    let next = SampleRows(seed: 23, count: 900, dimension: dimension)
    for part in 0..<3 {
      let range = (part * 300)..<(part * 300 + 300)
      try daemon.write("rows.npy", SampleFiles.vectors(Array(next.rows[range])))
      try daemon.write("ids.npy", SampleFiles.ids(Array(next.ids[range])))
      _ = try daemon.json("ingest", "items", "rows.npy", "--ids", "ids.npy", "--generation", "next")
    }
    try daemon.write("users.npy", SampleFiles.vectors(SampleRows(seed: 24, count: 5, dimension: dimension).rows))
    return (daemon, disk, next)
  }

  private static func answer(_ daemon: DaemonFixture, _ options: String...) throws -> String {
    let asked = ["search", "items", "--queries", "users.npy", "-k", "20", "--exact"] + options
    let outcome = try daemon.vecctl(asked)
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return outcome.text
  }

  /// Demands that a command is refused for want of room and changes nothing.
  private static func expectFull(_ daemon: DaemonFixture, _ arguments: [String], _ what: String) throws {
    let (before, answer) = (try daemon.trace(), try Self.answer(daemon))
    expectRefusal(try daemon.vecctl(arguments), 74, .storageFull, [], what)
    #expect(try daemon.trace() == before, "\(what)")
    #expect(try Self.answer(daemon) == answer, "\(what)")
  }

  @Test(
    "a build that does not fit is undone wherever it stopped, and succeeds when there is room",
    arguments: ["flat", "ivf", "hnsw", "auto"])
  func build(type: String) throws {
    let (daemon, disk, next) = try Self.filled()
    let build = ["build-index", "items", "--generation", "next", "--type", type, "--wait"]
    // A little more room each time, so that every file that is written on the way is the one that does not fit once.
    var refusals = 0
    for room in stride(from: 0, to: 4 << 20, by: 48 << 10) {
      try disk.leave(room)
      if try daemon.vecctl(build).status == 0 { break }
      refusals += 1
      try Self.expectFull(daemon, build, "\(type) with \(room) bytes left")
      let state = try daemon.generations("items")["next"]
      #expect(state?["state"] as? String == "building" && state?["rows"] as? Int == 900)
      #expect((state?["build_error"] as? String)?.contains("storage-full") == true, "\(String(describing: state))")
    }
    #expect(refusals >= (type == "flat" ? 2 : 4), "\(type) was refused \(refusals) times")
    disk.free()
    #expect(try daemon.generations("items")["next"]?["state"] as? String == "built")
    _ = try daemon.json("publish", "items", "next")
    let users = SampleRows(seed: 24, count: 5, dimension: Self.dimension).rows
    let found = try daemon.json("search", "items", "--queries", "users.npy", "-k", "20", "--exact")
    for (query, user) in users.enumerated() {
      #expect(try ChainTests.results(found, query: query).ids == next.answer([user], k: 20).ids)
    }
    #expect(try (daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
    #expect(daemon.segmentFiles.count == 3, "\(daemon.segmentFiles)")
  }

  @Test("create, publish and rollback that find no byte left change nothing, and succeed when there is room")
  func catalogue() throws {
    let (daemon, disk, _) = try Self.filled()
    _ = try daemon.json("build-index", "items", "--generation", "next", "--type", "flat", "--wait")
    let commands = [
      ["create", "more", "--dim", "4", "--metric", "l2"], ["rollback", "items"], ["publish", "items", "next"],
    ]
    for command in commands {
      try disk.leave(0)
      let what = command.joined(separator: " ")
      try Self.expectFull(daemon, command, what)
      disk.free()
      let outcome = try daemon.vecctl(command)
      #expect(outcome.status == 0, "\(what): \(outcome.stderr)")
    }
    let states = try daemon.generations("items").mapValues { $0["state"] as? String }
    #expect(states == ["old": "retired", "live": "retired", "next": "live"])
    // What was acknowledged is there after a kill, and nothing else.
    let (list, files, answer) = (try daemon.vecctl("list").text, daemon.segmentFiles, try Self.answer(daemon))
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(try daemon.vecctl("list").text == list)
    #expect(daemon.segmentFiles == files)
    #expect(try Self.answer(daemon) == answer)
  }

  @Test("a disk without a byte left still takes deletes and drops, and adds nothing before the room for these is back")
  func ballast() throws {
    let (daemon, disk, _) = try Self.filled()
    func ballast() throws -> Int? { try daemon.json("stats")["ballast_bytes"] as? Int }
    #expect(try ballast() == 1 << 20)
    let vector = (1...Self.dimension).map(String.init).joined(separator: ",")
    let upsert = ["upsert", "items", "--id", "77", "--vector", vector]
    try disk.leave(0)
    expectRefusal(try daemon.vecctl(upsert), 74, .storageFull, [], "an upsert on a full disk")
    let ids = SampleRows(seed: 22, count: 200, dimension: Self.dimension).ids
    for id in ids.prefix(40) {
      let outcome = try daemon.vecctl("delete", "items", "--ids", "\(id)")
      #expect(outcome.status == 0, "\(outcome.stderr)")
    }
    let held = try #require(try ballast())
    #expect((0..<1 << 20).contains(held))
    expectRefusal(try daemon.vecctl(upsert), 74, .storageFull, ["deletes, drops and compactions"], "an upsert without ballast")
    _ = try daemon.json("drop", "items", "--generation", "old", "--yes")
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(Set(try daemon.generations("items").keys) == ["live", "next"])
    let collections = try #require(try daemon.json("stats")["collections"] as? [[String: Any]])
    #expect(collections.map { $0["live_rows"] as? Int } == [160])
    disk.free()
    #expect(try daemon.vecctl(upsert).status == 0)
    #expect(try ballast() == 1 << 20)
  }

  private static func names(_ daemon: DaemonFixture) throws -> [String] {
    try #require(try daemon.json("list")["collections"] as? [[String: Any]]).compactMap { $0["name"] as? String }
  }

  @Test("page by page of room, a change is done, refused, or unknown until the next start, and never half done")
  func pageByPage() throws {
    let (daemon, disk, _) = try Self.filled()
    var known = ["items"]
    let answer = try Self.answer(daemon)
    var counts: [String: Int] = [:]
    for number in 0..<120 {
      // A long name, so that the database grows by a page now and then.
      let name = "more-\(100 + number)-" + String(repeating: "x", count: 48)
      try disk.leave(number % 8 * 4096)
      let create = ["create", name, "--dim", "4", "--metric", "l2"]
      let outcome = try daemon.vecctl(create)
      #expect(try Self.answer(daemon) == answer, "\(name): searches go on")
      let isUnknown = outcome.stderr.hasSuffix("[outcome-unknown]\n")
      counts[isUnknown ? "unknown" : outcome.status == 0 ? "done" : "refused", default: 0] += 1
      if outcome.status == 0 {
        known.append(name)
      } else if isUnknown {
        // The log took the change and the database did not: nothing more is written until the next start decides.
        disk.free()
        expectRefusal(outcome, 75, .outcomeUnknown, [], name)
        let later = try daemon.vecctl("rollback", "items")
        expectRefusal(later, 74, .ioError, ["restart vecd"], "a change after \(name)")
        try daemon.stop()
        try daemon.start()
        let found = try Self.names(daemon)
        #expect(found == known || found == known + [name], "\(name): \(found)")
        known = found
      } else {
        expectRefusal(outcome, 74, .storageFull, [], name)
      }
      disk.free()
      #expect(try Self.names(daemon) == known)
    }
    #expect(counts["done", default: 0] > 5 && counts["refused", default: 0] > 5, "\(counts)")
    print("changes by pages of room: \(counts)")
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(try Self.names(daemon) == known)
    #expect(try Self.answer(daemon) == answer)
    #expect(try (daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }

  @Test("an old generation that is dropped makes room for the ingest that did not fit")
  func drop() throws {
    let (daemon, disk, _) = try Self.filled()
    let again = SampleRows(seed: 25, count: 900, dimension: Self.dimension)
    try daemon.write("rows.npy", SampleFiles.vectors(again.rows))
    try daemon.write("ids.npy", SampleFiles.ids(again.ids))
    // The rows need about 60 KB for their spool and as much for their segment, which is what `next` takes.
    try disk.leave(112 << 10)
    let ingest = ["ingest", "items", "rows.npy", "--ids", "ids.npy", "--generation", "again"]
    try Self.expectFull(daemon, ingest, "an ingest without room")
    _ = try daemon.json("drop", "items", "--generation", "next", "--yes")
    let outcome = try daemon.vecctl(ingest)
    #expect(outcome.status == 0, "\(outcome.stderr)")
  }

  @Test("a daemon cannot start a new store there, and says so in one line")
  func newStore() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let disk = try #require(TinyDisk(at: folder, byteCount: 1 << 20))
    defer { disk.unmount() }
    let elsewhere = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    try disk.leave(0)
    let arguments = ["serve", "--store", folder + "/store", "--socket", elsewhere + "/s"]
    let outcome = try Program.run("vecd", arguments, in: elsewhere)
    #expect(outcome.status == 74 && outcome.lines.count == 1, "\(outcome.status) \(outcome.stderr)")
    #expect(outcome.stderr.hasPrefix("vecd: storage-full: "), "\(outcome.stderr)")
    disk.free()
    let running = try Program.start("vecd", arguments, in: elsewhere)
    let isUp = try eventually { try Program.run("vecctl", ["--socket", elsewhere + "/s", "ping"], in: elsewhere).status == 0 }
    #expect(isUp, "\(running.log)")
    kill(running.process.processIdentifier, SIGTERM)
    #expect(running.outcome().status == 0)
  }

  @Test("search --out that does not fit says so in one line, leaves no file, and keeps an older one as it was")
  func resultFiles() throws {
    let daemon = try DaemonFixture.filled()
    let folder = daemon.folder + "/disk"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let disk = try daemon.mountDisk(at: folder, 1 << 20)
    try daemon.write("q.npy", SampleFiles.vectors((0..<3000).map { [Float($0), 1, 2, 3] }))
    let search = ["search", "items", "--queries", "q.npy", "-k", "3", "--out", "disk/found"]
    func names() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != "filler" }.sorted()
    }
    // Ids need 72 KB and scores 36 KB: the one file, or only the other, does not fit.
    for room in [0, 40 << 10, 90 << 10] {
      try disk.leave(room)
      for json in [false, true] {
        let outcome = try daemon.vecctl(json ? search + ["--json"] : search)
        expectRefusal(outcome, 74, .storageFull, ["disk/found."], "--out with \(room) bytes left", json: json)
        let left = try names()
        #expect(left.isEmpty, "\(left)")
      }
    }
    disk.free()
    #expect(try daemon.vecctl(search).status == 0)
    let before = try ["ids", "scores"].map { try #require(daemon.read("disk/found.\($0).npy")) }
    try disk.leave(40 << 10)
    expectRefusal(try daemon.vecctl(search), 74, .storageFull, [], "--out over older files")
    #expect(try ["ids", "scores"].map { try #require(daemon.read("disk/found.\($0).npy")) } == before)
    #expect(try names() == ["found.ids.npy", "found.scores.npy"])
    try daemon.expectUntouched()
  }
}
