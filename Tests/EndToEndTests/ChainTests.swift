import Foundation
import Testing
import VecCore

@Suite("From a file of vectors to answers, with the real programs")
struct ChainTests {
  static let dimension = 16

  /// (id, score) pairs of one query of `search --json`.
  static func results(_ json: [String: Any], query: Int = 0) throws -> (ids: [UInt64], scores: [Float]) {
    let all = try #require(json["results"] as? [[[String: Any]]])
    let hits = try #require(all.indices.contains(query) ? all[query] : nil)
    return (
      ids: hits.compactMap { ($0["id"] as? NSNumber)?.uint64Value },
      scores: hits.compactMap { ($0["score"] as? NSNumber)?.floatValue }
    )
  }

  @Test(
    "create, ingest, build, publish, search, get, list, stats, verify, bench, roll back, drop",
    arguments: Metric.allCases)
  func wholeChain(metric: Metric) throws {
    let daemon = try DaemonFixture()
    let monday = SampleRows(seed: 1, count: 700, dimension: Self.dimension, metric: metric)
    let tuesday = SampleRows(seed: 2, count: 300, dimension: Self.dimension, metric: metric)
    let users = SampleRows(seed: 3, count: 40, dimension: Self.dimension).rows
    for (name, sample) in [("monday", monday), ("tuesday", tuesday)] {
      try daemon.write("\(name).npy", SampleFiles.vectors(sample.rows))
      try daemon.write("\(name)-ids.npy", SampleFiles.ids(sample.ids))
    }
    try daemon.write("users.npy", SampleFiles.vectors(users))

    #expect(try daemon.json("create", "items", "--dim", "16", "--metric", metric.name)["dimension"] as? Int == 16)
    try daemon.publish("items", "monday.npy", ids: "monday-ids.npy", as: "monday")
    try checkSearch(daemon, monday, users, generation: "monday")
    try checkInspection(daemon, monday)

    _ = try daemon.json("ingest", "items", "tuesday.npy", "--ids", "tuesday-ids.npy", "--generation", "tuesday")
    _ = try daemon.json("build-index", "items", "--generation", "tuesday", "--type", "flat", "--wait")
    #expect(try daemon.vecctl("publish", "items", "tuesday", "--expect", "sunday").status == 65)
    try checkSearch(daemon, monday, users, generation: "monday")
    #expect(try daemon.json("publish", "items", "tuesday", "--expect", "monday")["replaced"] as? String == "monday")
    try checkSearch(daemon, tuesday, users, generation: "tuesday")
    #expect(try daemon.json("rollback", "items")["live"] as? String == "monday")
    let states = try daemon.generations("items").mapValues { $0["state"] as? String }
    #expect(states == ["monday": "live", "tuesday": "retired"])
    try checkSearch(daemon, monday, users, generation: "monday")

    #expect(try daemon.stop().status == 0)
    try daemon.start()
    try checkSearch(daemon, monday, users, generation: "monday")
    #expect(try daemon.json("drop", "items", "--generation", "tuesday", "--yes")["dropped"] as? Bool == true)
    #expect(try daemon.generations("items").keys.sorted() == ["monday"])
    #expect(try daemon.json("drop", "items", "--yes")["dropped"] as? Bool == true)
    #expect(daemon.segmentFiles.isEmpty)
  }

  private func checkSearch(
    _ daemon: DaemonFixture, _ sample: SampleRows, _ users: [[Float]], generation: String
  ) throws {
    let found = try daemon.json("search", "items", "--queries", "users.npy", "-k", "25", "--exact")
    #expect(found["generation"] as? String == generation)
    #expect(found["index"] as? String == "flat")
    for (query, user) in users.enumerated() {
      let (ids, scores) = try Self.results(found, query: query)
      let right = sample.answer([user], k: 25)
      #expect(ids == right.ids && scores == right.scores, "query \(query)")
    }
    let written = try daemon.json("search", "items", "--queries", "users.npy", "-k", "25", "--out", "found")
    #expect(written["ids_file"] as? String == "found.ids.npy")
    let ids = try #require(daemon.read("found.ids.npy"))
    #expect(SampleFiles.header(of: ids).contains("'<i8'") && SampleFiles.header(of: ids).contains("(40, 25)"))
    let rightIds = users.flatMap { sample.answer([$0], k: 25).ids.map(Int64.init) }
    #expect(SampleFiles.content(Int64.self, of: ids) == rightIds)
    let scores = try #require(daemon.read("found.scores.npy"))
    #expect(SampleFiles.content(Float.self, of: scores) == users.flatMap { sample.answer([$0], k: 25).scores })
    let first = users[0].map(\.description).joined(separator: ",")
    let one = try daemon.vecctl("search", "items", "--vector", first, "-k", "1")
    #expect(one.status == 0 && one.text.contains(String(sample.answer([users[0]], k: 1).ids[0])))
  }

  private func checkInspection(_ daemon: DaemonFixture, _ sample: SampleRows) throws {
    let got = try daemon.json("get", "items", String(sample.ids[5]), String(sample.ids[0]))
    let items = try #require(got["items"] as? [[String: Any]])
    #expect((items.first?["vector"] as? [NSNumber])?.map(\.floatValue) == sample.rows[5])
    #expect(try daemon.vecctl("get", "items", "4").status == 66, "4 is no id of these")
    let list = try #require(try daemon.json("list")["collections"] as? [[String: Any]])
    #expect(list.first?["live_rows"] as? Int == sample.ids.count)
    let stats = try daemon.json("stats")
    #expect((stats["requests"] as? [String: Any])?["search"] != nil)
    let verified = try daemon.json("verify", "items")
    #expect((verified["findings"] as? [Any])?.isEmpty == true && (verified["files"] as? Int ?? 0) >= 1)
    let file = try #require(daemon.segmentFiles.first)
    #expect(try daemon.vecctl("verify", "--files", "store/segments/" + file).status == 0)
    #expect(try daemon.vecctl("inspect", "store/segments/" + file).text.contains("row count"))
    let bench = try daemon.json(
      "bench", "items", "--queries", "users.npy", "-k", "10", "--seconds", "0.2", "--connections", "2", "--batch", "4")
    #expect(bench["recall"] as? Double == 1 && (bench["queries_per_second"] as? Double ?? 0) > 0)
    #expect(try daemon.vecctl("generations", "items").text.contains("live"))
  }

  @Test("fvecs, JSON lines and standard input hold what npy holds; several ingests add up")
  func otherFiles() throws {
    let daemon = try DaemonFixture()
    let sample = SampleRows(seed: 4, count: 90, dimension: 5, metric: .l2)
    let part = { (range: Range<Int>) in (Array(sample.ids[range]), Array(sample.rows[range])) }
    try daemon.write("a.fvecs", SampleFiles.fvecs(part(0..<30).1))
    try daemon.write("a-ids.npy", SampleFiles.ids(part(0..<30).0))
    try daemon.write("b.jsonl", SampleFiles.jsonl(part(30..<60).0, part(30..<60).1))
    try daemon.write("d-ids.npy", SampleFiles.ids(part(80..<90).0))
    _ = try daemon.json("create", "items", "--dim", "5", "--metric", "l2")
    #expect(try daemon.json("ingest", "items", "a.fvecs", "--ids", "a-ids.npy")["generation"] as? String == "g1")
    _ = try daemon.json("ingest", "items", "b.jsonl")
    _ = try daemon.json("ingest", "items", "-", input: SampleFiles.jsonl(part(60..<80).0, part(60..<80).1))
    let last = try daemon.json(
      "ingest", "items", "-", "--ids", "d-ids.npy", input: SampleFiles.vectors(part(80..<90).1))
    #expect(last["rows"] as? Int == 10)
    #expect(try daemon.json("build-index", "items", "--type", "flat", "--wait")["built"] as? Bool == true)
    _ = try daemon.json("publish", "items", "g1", "--expect", "")
    let query: [Float] = [0.25, -0.5, 0, 1, 0.125]
    let found = try daemon.json("search", "items", "--vector", "0.25,-0.5,0,1,0.125", "-k", "200")
    let (ids, scores) = try Self.results(found)
    let right = sample.answer([query], k: 200)
    #expect(ids == right.ids && scores == right.scores)
    #expect(daemon.segmentFiles.count == 1, "the build rewrote four segments into one")
  }

  @Test("a user of several interests gets each item once, with its best score")
  func interests() throws {
    let daemon = try DaemonFixture()
    let sample = SampleRows(seed: 5, count: 500, dimension: 8)
    let flat = SampleRows(seed: 6, count: 30, dimension: 8).rows
    let users = (0..<10).map { Array(flat[($0 * 3)..<($0 * 3 + 3)]) }
    try daemon.write("items.npy", SampleFiles.vectors(sample.rows))
    try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
    try daemon.write("users.npy", SampleFiles.interests(users))
    _ = try daemon.json("create", "items", "--dim", "8", "--metric", "ip")
    try daemon.publish("items", "items.npy", ids: "ids.npy", as: "g")
    let found = try daemon.json("search", "items", "--queries", "users.npy", "--interests", "-k", "50")
    for (number, user) in users.enumerated() {
      let (ids, scores) = try Self.results(found, query: number)
      let right = sample.answer(user, k: 50)
      #expect(ids == right.ids && scores == right.scores, "user \(number)")
    }
  }

  @Test("values that float16 holds are stored as float16, float64 is rounded, and both answer as they should")
  func elementTypes() throws {
    let daemon = try DaemonFixture()
    let halves: [[Float]] = [[0.5, 1, -2], [3, 0.25, 1], [1, 1, 1]]
    let half = SampleFiles.bytes(halves.flatMap { $0.map(Float16.init) })
    let double = SampleFiles.bytes(halves.flatMap { $0.map { Double($0) + 0.1 } })
    try daemon.write("half.npy", SampleFiles.npy("<f2", shape: [3, 3], half))
    try daemon.write("double.npy", SampleFiles.npy("<f8", shape: [3, 3], double))
    _ = try daemon.json("create", "items", "--dim", "3", "--metric", "ip")
    #expect(try daemon.json("ingest", "items", "half.npy", "--generation", "half")["element"] as? String == "f16")
    #expect(try daemon.json("ingest", "items", "double.npy", "--generation", "double")["element"] as? String == "f32")
    for label in ["half", "double"] {
      _ = try daemon.json("build-index", "items", "--generation", label, "--type", "flat", "--wait")
    }
    let found = try daemon.json("search", "items", "--vector", "1,0,0", "-k", "3", "--generation", "double")
    #expect(try Self.results(found).scores == [Float(3.1), Float(1.1), Float(0.6)])
  }

  @Test("text has what --json has, for people; $VECD_SOCKET names the daemon as --socket does")
  func text() throws {
    let daemon = try DaemonFixture()
    let environment = ["VECD_SOCKET": daemon.socket]
    func text(_ arguments: String...) throws -> String {
      let outcome = try Program.run("vecctl", arguments, in: daemon.folder, environment: environment)
      #expect(outcome.status == 0, "\(arguments): \(outcome.stderr)")
      return outcome.text
    }
    try daemon.write("items.npy", SampleFiles.vectors([[0.1, 2], [0.1, 4], [0.1, 1]]))
    try daemon.write("ids.npy", SampleFiles.ids([70, 80, 90]))
    #expect(try text("create", "books", "--dim", "2", "--metric", "l2") == "created books: dimension 2, metric l2\n")
    let ingested = try text("ingest", "books", "items.npy", "--ids", "ids.npy", "--generation", "monday")
    #expect(ingested.hasPrefix("books: 3 rows in generation monday, stored as f32"), "\(ingested)")
    let built = try text("build-index", "books", "--type", "flat", "--wait")
    #expect(built == "books: flat index of generation monday is built\n")
    #expect(try text("publish", "books", "monday") == "books: monday is live\n")
    let found = try text("search", "books", "--vector", "0.1,2.25", "-k", "2").split(separator: "\n")
    let cells = found.map { $0.split(separator: " ").map(String.init) }
    #expect(cells == [["RANK", "ID", "SCORE"], ["1", "70", "0.0625"], ["2", "90", "1.5625"]])
    #expect(try text("get", "books", "80") == "80  0.1 4.0\n")
    for word in ["books", "l2", "monday", "3", "healthy"] { #expect(try text("list").contains(word)) }
    for word in ["monday", "live", "flat"] { #expect(try text("generations", "books").contains(word)) }
    #expect(try text("verify").contains("all sound"))
    #expect(try text("stats").contains("\"in_flight\": "))
    try daemon.write("q.npy", SampleFiles.vectors([[0, 0]]))
    let bench = try text("bench", "books", "--queries", "q.npy", "-k", "2", "--seconds", "0.1")
    for word in ["queries per second", "p50", "p95", "p99", "recall against exact"] {
      #expect(bench.contains(word), "\(bench)")
    }
    #expect(bench.contains("1.0000"), "\(bench)")
    #expect(try text("search", "books", "--queries", "q.npy", "-k", "5", "--out", "r") == "r.ids.npy\nr.scores.npy\n")
    #expect(SampleFiles.content(Int64.self, of: try #require(daemon.read("r.ids.npy"))) == [90, 70, 80, -1, -1])
    #expect(try text("drop", "books", "--yes").hasPrefix("dropped collection books"))
  }

  @Test("what was published is answered the same after kill -9 and a new start")
  func survivesKill() throws {
    let daemon = try DaemonFixture.filled()
    let answers = try ["items", "angles"].map { try daemon.vecctl("search", $0, "--vector", "1,2,3,4", "-k", "3").text }
    #expect(try daemon.stop(SIGKILL).status == 128 + SIGKILL)
    try daemon.start()
    let again = try ["items", "angles"].map { try daemon.vecctl("search", $0, "--vector", "1,2,3,4", "-k", "3").text }
    #expect(answers == again && answers.allSatisfy { !$0.isEmpty })
    try daemon.expectUntouched()
  }

  @Test("the same data gives the same file, but for what is salted with its uuid", arguments: Metric.allCases)
  func sameBytes(metric: Metric) throws {
    let sample = SampleRows(seed: 8, count: 1000, dimension: 12, metric: metric)
    var files: [Data] = []
    var contents: [[Data]] = []
    for threads in ["1", "4"] {
      let daemon = try DaemonFixture(options: ["--threads", threads])
      try daemon.write("items.npy", SampleFiles.vectors(sample.rows))
      try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
      _ = try daemon.json("create", "items", "--dim", "12", "--metric", metric.name)
      try daemon.publish("items", "items.npy", ids: "ids.npy", as: "g")
      let name = "store/segments/" + (try #require(daemon.segmentFiles.first))
      let file = try #require(daemon.read(name))
      let sections = try #require(try daemon.json("inspect", name)["sections"] as? [[String: Any]])
      files.append(file)
      contents.append(
        sections.map { section in
          let offset = section["offset"] as? Int ?? 0
          return file[offset..<(offset + (section["stored_bytes"] as? Int ?? 0))]
        })
    }
    #expect(files[0].count == files[1].count)
    #expect(contents[0] == contents[1] && contents[0].count >= 3)
    // The rest is header, directory and checksums: a few bytes a block.
    let different = zip(files[0], files[1]).filter { $0 != $1 }.count
    #expect(different > 0 && different < 200, "\(different) bytes differ")
  }
}
