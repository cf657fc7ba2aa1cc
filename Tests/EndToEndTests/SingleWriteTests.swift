import Foundation
import Testing
import VecCore

@Suite("Single writes with the real programs")
struct SingleWriteTests {
  private static let query = "1,2,3,4"

  private func search(_ daemon: DaemonFixture, _ more: String...) throws -> [UInt64] {
    let outcome = try daemon.vecctl(["--json", "search", "items", "--vector", Self.query, "-k", "50"] + more)
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return try ChainTests.results(outcome.json()).ids
  }

  private func number(_ json: [String: Any], _ key: String) -> UInt64? { (json[key] as? NSNumber)?.uint64Value }

  @Test("a row is seen as soon as it is written, gone as soon as it is deleted, and both survive kill -9")
  func oneByOne() throws {
    let daemon = try DaemonFixture.filled()
    #expect(try search(daemon) == [10, 30, 20])
    let new = try daemon.json("upsert", "items", "--id", "40", "--vector", "9,9,9,9")
    #expect(new["generation"] as? String == "live")
    #expect(number(new, "rows") == 1 && number(new, "new") == 1 && number(new, "replaced") == 0)
    let sequence = try #require(number(new, "sequence"))
    #expect(try search(daemon, "--at-least", String(sequence)) == [40, 10, 30, 20])
    let replaced = try daemon.json("upsert", "items", "--id", "10", "--vector", "-1,-1,-1,-1")
    #expect(number(replaced, "new") == 0 && number(replaced, "replaced") == 1)
    #expect(try search(daemon) == [40, 30, 20, 10])
    let deleted = try daemon.json("delete", "items", "--ids", "30,31")
    #expect(number(deleted, "ids") == 2 && number(deleted, "deleted") == 1)
    #expect(try #require(number(deleted, "sequence")) > sequence)
    #expect(try search(daemon) == [40, 20, 10])
    #expect(try daemon.vecctl("get", "items", "30").status == 66)
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    #expect(try search(daemon) == [40, 20, 10])
    let got = try daemon.json("get", "items", "10")
    #expect(((got["items"] as? [[String: Any]])?.first?["vector"] as? [NSNumber])?.map(\.floatValue) == [-1, -1, -1, -1])
    #expect((try daemon.json("verify")["findings"] as? [Any])?.isEmpty == true)
  }

  @Test("the first write of a collection without a live generation makes one", arguments: Metric.allCases)
  func firstWrite(metric: Metric) throws {
    let daemon = try DaemonFixture()
    let sample = SampleRows(seed: 9, count: 600, dimension: 8, metric: metric)
    try daemon.write("rows.npy", SampleFiles.vectors(sample.rows))
    try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
    _ = try daemon.json("create", "items", "--dim", "8", "--metric", metric.name)
    let written = try daemon.json("upsert", "items", "rows.npy", "--ids", "ids.npy", "--batch", "100")
    #expect(number(written, "rows") == 600 && number(written, "new") == 600 && number(written, "writes") == 6)
    let label = try #require(written["generation"] as? String)
    let states = try daemon.generations("items").mapValues { $0["state"] as? String }
    #expect(states == [label: "live"])
    let query: [Float] = [0.5, -1, 0.25, 2, 0, 1, -0.5, 0.125]
    let found = try daemon.json("search", "items", "--vector", "0.5,-1,0.25,2,0,1,-0.5,0.125", "-k", "30")
    let (ids, scores) = try ChainTests.results(found)
    let right = sample.answer([query], k: 30)
    #expect(ids == right.ids && scores == right.scores)
  }

  @Test("files of every kind are written in their order: of an id that comes twice the last row counts")
  func files() throws {
    let daemon = try DaemonFixture.filled()
    let lines = SampleFiles.jsonl([7, 8, 7, 9, 7], [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], [4, 0, 0, 0], [5, 0, 0, 0]])
    let one = try daemon.json("upsert", "items", "-", input: lines)
    #expect(number(one, "rows") == 5 && number(one, "new") == 3 && number(one, "writes") == 1)
    let two = try daemon.json("upsert", "items", "-", "--batch", "2", input: lines)
    #expect(number(two, "replaced") == 5 && number(two, "new") == 0 && number(two, "writes") == 3)
    func value(_ id: String) throws -> Float? {
      let got = try daemon.json("get", "items", id)
      return ((got["items"] as? [[String: Any]])?.first?["vector"] as? [NSNumber])?.first?.floatValue
    }
    #expect(try value("7") == 5 && value("8") == 2 && value("9") == 4)
    let halves = SampleFiles.bytes([Float16](arrayLiteral: 0.5, 1, 2, 3))
    try daemon.write("half.npy", SampleFiles.npy("<f2", shape: [1, 4], halves))
    try daemon.write("ids.npy", SampleFiles.ids([70]))
    _ = try daemon.json("upsert", "items", "half.npy", "--ids", "ids.npy")
    #expect(try value("70") == 0.5)
    let gone = try daemon.json("delete", "items", "--ids-file", "-", input: SampleFiles.ids([7, 8, 9, 70, 71]))
    #expect(number(gone, "deleted") == 4)
    #expect(try search(daemon) == [10, 30, 20])
  }

  @Test("an error in a later batch says how many rows were written before, and counts rows over the input")
  func laterBatch() throws {
    let daemon = try DaemonFixture.filled()
    let lines = Data((0..<10).map { "{\"id\": \(100 + $0), \"vector\": [1, 2, 3, \($0 == 7 ? "1e38" : "4")]}\n" }.joined().utf8)
    let outcome = try daemon.vecctl("upsert", "items", "-", "--batch", "5", input: lines)
    let words = ["row 2", "counted from row 5", "the 5 rows before were written"]
    expectRefusal(outcome, 65, .normOutOfRange, words, "a row too long in the second batch")
    #expect(try daemon.vecctl("get", "items", "104").status == 0)
    #expect(try daemon.vecctl("get", "items", "105").status == 66)
  }

  @Test("sealing and compacting change no answer; a snapshot is a store that is sound")
  func upkeep() throws {
    let daemon = try DaemonFixture.filled()
    _ = try daemon.json("upsert", "items", "--id", "40", "--vector", "9,9,9,9")
    _ = try daemon.json("delete", "items", "--ids", "10")
    let before = try search(daemon)
    let sealed = try daemon.json("seal", "items")
    #expect(sealed["generation"] as? String == "live" && number(sealed, "segments") == 2)
    #expect(try search(daemon) == before)
    let compacted = try daemon.json("compact", "items")
    #expect(number(compacted, "rows") == 3 && number(compacted, "segments") == 1)
    #expect(number(compacted, "bytes_before") != nil && number(compacted, "bytes_after") != nil)
    #expect(try search(daemon) == before)
    _ = try daemon.json("upsert", "items", "--id", "41", "--vector", "8,8,8,8")
    let made = try daemon.json("snapshot", "first")
    let path = try #require(made["path"] as? String)
    let check = try Program.run("vecd", ["check", "--json", "--store", path], in: daemon.folder)
    #expect(check.status == 0, "\(check.stderr)")
    let taken = try daemon.vecctl("snapshot", "first")
    expectRefusal(taken, 73, .cannotCreate, ["first"], "a name that is taken")
    let idle = try daemon.json("cancel-build", "items")
    #expect(idle["cancelled"] as? Bool == false)
    #expect(try daemon.stop().status == 0)
    try daemon.start()
    #expect(try search(daemon) == [40, 41] + before.dropFirst())
  }

  @Test("a generation that is being built takes no writes; text says what --json does")
  func refusalsAndText() throws {
    let daemon = try DaemonFixture.filled()
    _ = try daemon.json("ingest", "items", "good.npy", "--generation", "next")
    let refused = try daemon.vecctl("upsert", "items", "good.npy", "--generation", "next")
    expectRefusal(refused, 65, .generationState, ["next"], "an upsert into what is building")
    let one = try daemon.vecctl("upsert", "items", "--id", "40", "--vector", "-9,9,9,9").text
    #expect(one.hasPrefix("items: 1 row in generation live, 0 replaced, 1 new, sequence "), "\(one)")
    let gone = try daemon.vecctl("delete", "items", "--ids", "40, 41").text
    #expect(gone.hasPrefix("items: 1 of 2 ids deleted from generation live, sequence "), "\(gone)")
    #expect(try daemon.vecctl("seal", "items").text.hasPrefix("items: "))
    #expect(try daemon.vecctl("compact", "items").text.contains(" became "))
    #expect(try daemon.vecctl("snapshot", "s").text.contains("files"))
    #expect(try daemon.vecctl("cancel-build", "items").text == "items: no index is being built for it\n")
    let stats = try daemon.json("stats")
    let writes = try #require(stats["writes"] as? [String: Any])
    #expect(number(writes, "rows") == 1 && number(writes, "deleted_ids") == 1 && number(writes, "groups") == 2)
  }

  @Test("Ctrl-C during an upsert says what was written")
  func interrupted() throws {
    let daemon = try DaemonFixture.filled()
    let pipe = Pipe()
    let running = try Program.start(
      "vecctl", ["--socket", daemon.socket, "upsert", "items", "-"], in: daemon.folder, input: .pipe(pipe))
    try pipe.fileHandleForWriting.write(contentsOf: SampleFiles.jsonl([1], [[1, 2, 3, 4]]))
    usleep(200_000)
    kill(running.process.processIdentifier, SIGINT)
    let outcome = running.outcome()
    #expect(outcome.status == 130 && outcome.lines.count == 1, "\(outcome.stderr)")
    #expect(outcome.stderr.contains("interrupted; nothing was written before"), "\(outcome.stderr)")
    try? pipe.fileHandleForWriting.close()
  }
}
