import Foundation
import Testing
import VecCore

/// Every wrong file that a person can hand to vecctl: one line that says what would be right, the exit status of
/// sysexits, and nothing half done.
@Suite("Bad files given to vecctl")
struct BadFileTests {
  struct BadFile: Sendable, CustomStringConvertible {
    var description: String
    var name: String
    var content: Data
    var ids: Data?
    var collection = "items"
    var code: VecErrorCode
    /// What the line must say.
    var words: [String]
  }

  static let badFiles: [BadFile] = {
    let good: [[Float]] = [[1, 2, 3, 4], [5, 6, 7, 8]]
    let floats = SampleFiles.bytes(good.flatMap { $0 })
    let doubles = SampleFiles.bytes(good.flatMap { $0.map { Double($0) } })
    func vectors(_ rows: [[Float]]) -> Data { SampleFiles.vectors(rows) }
    return [
      BadFile(
        description: "another dimension", name: "a.npy",
        content: vectors([[1, 2, 3]]),
        code: .dimensionMismatch, words: ["3", "4"]),
      BadFile(
        description: "NaN", name: "a.npy",
        content: vectors([[1, 2, 3, 4], [1, .nan, 3, 4]]),
        code: .valueNotFinite, words: ["row 1", "component 1"]),
      BadFile(
        description: "infinity", name: "a.npy",
        content: vectors([[1, 2, 3, -.infinity]]),
        code: .valueNotFinite, words: ["row 0", "component 3"]),
      BadFile(
        description: "a zero vector under cosine", name: "a.npy",
        content: vectors([[1, 1, 1, 1], [0, 0, 0, 0]]), collection: "angles",
        code: .normOutOfRange, words: ["row 1", "cosine"]),
      BadFile(
        description: "a vector too long", name: "a.npy",
        content: vectors([[1e19, 0, 0, 0]]),
        code: .normOutOfRange, words: ["row 0"]),
      BadFile(
        description: "an id twice", name: "a.npy",
        content: vectors(good), ids: SampleFiles.ids([7, 7]),
        code: .duplicateId, words: ["7"]),
      BadFile(
        description: "fewer ids than rows", name: "a.npy",
        content: vectors(good), ids: SampleFiles.ids([7]),
        code: .malformedFile, words: ["1", "2"]),
      BadFile(
        description: "more ids than rows", name: "a.npy",
        content: vectors(good), ids: SampleFiles.ids([7, 8, 9]),
        code: .malformedFile, words: ["3", "2"]),
      BadFile(
        description: "negative ids", name: "a.npy",
        content: vectors(good), ids: SampleFiles.npy("<i8", shape: [2], SampleFiles.bytes([Int64(1), -1])),
        code: .malformedFile, words: ["-1"]),
      BadFile(
        description: "float ids", name: "a.npy",
        content: vectors(good), ids: SampleFiles.npy("<f4", shape: [2], SampleFiles.bytes([Float(1), 2])),
        code: .malformedFile, words: ["uint64"]),
      BadFile(
        description: "a truncated npy", name: "a.npy",
        content: vectors(good).dropLast(5),
        code: .malformedFile, words: ["a.npy"]),
      BadFile(
        description: "bytes after the array", name: "a.npy",
        content: vectors(good) + Data([1]),
        code: .malformedFile, words: ["a.npy"]),
      BadFile(
        description: "an npy cut in its header", name: "a.npy",
        content: vectors(good).prefix(20),
        code: .malformedFile, words: ["a.npy"]),
      BadFile(
        description: "text that calls itself npy", name: "a.npy",
        content: Data("hello, world".utf8),
        code: .malformedFile, words: ["npy"]),
      BadFile(
        description: "an empty file", name: "a.npy",
        content: Data(),
        code: .malformedFile, words: ["a.npy"]),
      BadFile(
        description: "no rows", name: "a.npy",
        content: SampleFiles.npy("<f4", shape: [0, 4], Data()),
        code: .malformedFile, words: ["no rows"]),
      BadFile(
        description: "one dimension only", name: "a.npy",
        content: SampleFiles.npy("<f4", shape: [8], floats),
        code: .malformedFile, words: ["(rows, dimension)"]),
      BadFile(
        description: "Fortran order", name: "a.npy",
        content: SampleFiles.npy("<f4", shape: [2, 4], fortran: true, floats),
        code: .malformedFile, words: ["ascontiguousarray"]),
      BadFile(
        description: "int8", name: "a.npy",
        content: SampleFiles.npy("|i1", shape: [2, 4], Data(count: 8)),
        code: .malformedFile, words: ["int8", "float32"]),
      BadFile(
        description: "big-endian", name: "a.npy",
        content: SampleFiles.npy(">f4", shape: [2, 4], floats),
        code: .malformedFile, words: ["float32"]),
      BadFile(
        description: "float64 beyond float32", name: "a.npy",
        content: SampleFiles.npy("<f8", shape: [1, 4], SampleFiles.bytes([1e300, 0, 0, 0])),
        code: .malformedFile, words: ["row 0", "float32"]),
      BadFile(
        description: "float64 cut short", name: "a.npy",
        content: SampleFiles.npy("<f8", shape: [2, 4], doubles.dropLast(8)),
        code: .malformedFile, words: ["a.npy"]),
      BadFile(
        description: "fvecs of changing dimension", name: "a.fvecs",
        content: SampleFiles.fvecs([[1, 2, 3, 4], [1, 2, 3]]),
        code: .malformedFile, words: ["a.fvecs"]),
      BadFile(
        description: "truncated fvecs", name: "a.fvecs",
        content: SampleFiles.fvecs(good).dropLast(3),
        code: .malformedFile, words: ["a.fvecs"]),
      BadFile(
        description: "a JSON line that is none", name: "a.jsonl",
        content: SampleFiles.jsonl([1], [good[0]]) + Data("{\"id\": 2, \"vector\": [1, 2\n".utf8),
        code: .malformedFile, words: ["line 2"]),
      BadFile(
        description: "a JSON line of another length", name: "a.jsonl",
        content: SampleFiles.jsonl([1, 2], [good[0], [1]]),
        code: .malformedFile, words: ["line 2"]),
    ]
  }()

  @Test("a file that cannot be taken leaves nothing, and the line says what would be right")
  func files() throws {
    let daemon = try DaemonFixture.filled()
    let before = try daemon.trace()
    for (number, bad) in Self.badFiles.enumerated() {
      try daemon.write(bad.name, bad.content)
      var arguments = ["ingest", bad.collection, bad.name, "--generation", "next"]
      if let ids = bad.ids {
        try daemon.write("bad-ids.npy", ids)
        arguments += ["--ids", "bad-ids.npy"]
      }
      let json = number % 2 == 1
      let outcome = try daemon.vecctl(json ? arguments + ["--json"] : arguments)
      expectRefusal(outcome, 65, bad.code, bad.words, bad.description, json: json)
      #expect(try daemon.trace() == before, "\(bad)")
    }
    let missing = try daemon.vecctl("ingest", "items", "nowhere.npy")
    expectRefusal(missing, 66, .fileNotFound, ["nowhere.npy"], "a file that is not there")
    let folder = try daemon.vecctl("ingest", "items", "store")
    expectRefusal(folder, 66, .fileNotFound, ["directory"], "a directory")
    let unnamed = try daemon.vecctl("ingest", "items", "good-ids")
    expectRefusal(unnamed, 66, .fileNotFound, ["good-ids"], "an ending left out")
    let garbage = try daemon.vecctl("ingest", "items", "-", input: Data("garbage".utf8))
    expectRefusal(garbage, 65, .malformedFile, ["standard input"], "garbage on standard input")
    let nothing = try daemon.vecctl("ingest", "items", "-")
    expectRefusal(nothing, 65, .malformedFile, ["at least one"], "nothing on standard input")
    try daemon.expectUntouched()
  }

  static let badQueries: [BadFile] = {
    let good: [[Float]] = [[1, 2, 3, 4], [5, 6, 7, 8]]
    let floats = SampleFiles.bytes(good.flatMap { $0 })
    return [
      BadFile(
        description: "queries of another dimension", name: "q.npy", content: SampleFiles.vectors([[1, 2, 3]]),
        code: .dimensionMismatch, words: ["3", "4"]),
      BadFile(
        description: "a query with NaN", name: "q.npy", content: SampleFiles.vectors([good[0], [0, 0, .nan, 0]]),
        code: .valueNotFinite, words: ["query", "component 2"]),
      BadFile(
        description: "a zero query under cosine", name: "q.npy", content: SampleFiles.vectors([good[0], [0, 0, 0, 0]]),
        collection: "angles", code: .normOutOfRange, words: ["query", "cosine"]),
      BadFile(
        description: "truncated queries", name: "q.npy", content: SampleFiles.vectors(good).dropLast(1),
        code: .malformedFile, words: ["q.npy"]),
      BadFile(
        description: "queries in Fortran order", name: "q.npy",
        content: SampleFiles.npy("<f4", shape: [2, 4], fortran: true, floats),
        code: .malformedFile, words: ["ascontiguousarray"]),
      BadFile(
        description: "int8 queries", name: "q.npy", content: SampleFiles.npy("|i1", shape: [2, 4], Data(count: 8)),
        code: .malformedFile, words: ["int8", "float32"]),
      BadFile(
        description: "no queries", name: "q.npy", content: SampleFiles.npy("<f4", shape: [0, 4], Data()),
        code: .malformedFile, words: ["at least one"]),
      BadFile(
        description: "several vectors per user without --interests", name: "q.npy",
        content: SampleFiles.npy("<f4", shape: [1, 2, 4], floats),
        code: .malformedFile, words: ["--interests"]),
      BadFile(
        description: "text that calls itself npy", name: "q.npy", content: Data("1,2,3,4\n".utf8),
        code: .malformedFile, words: ["npy"]),
    ]
  }()

  @Test("queries that cannot be asked leave the result files of before as they were, and no others")
  func queries() throws {
    let daemon = try DaemonFixture.filled()
    for old in ["r.ids.npy", "r.scores.npy"] { try daemon.write(old, Data("old".utf8)) }
    for bad in Self.badQueries {
      try daemon.write(bad.name, bad.content)
      let outcome = try daemon.vecctl("search", bad.collection, "--queries", bad.name, "-k", "2", "--out", "r")
      expectRefusal(outcome, 65, bad.code, bad.words, bad.description)
      let bench = try daemon.vecctl("bench", bad.collection, "--queries", bad.name, "-k", "2", "--seconds", "0.1")
      expectRefusal(bench, 65, bad.code, bad.words, "bench, \(bad)")
      let left = try FileManager.default.contentsOfDirectory(atPath: daemon.folder).filter { $0.hasPrefix("r.") }
      #expect(left.sorted() == ["r.ids.npy", "r.scores.npy"], "\(bad)")
      for old in left { #expect(daemon.read(old) == Data("old".utf8), "\(bad): \(old)") }
    }
    try daemon.expectUntouched()
  }

  @Test("a query at fault is named by its place in the file, however the file is cut into requests")
  func lateQuery() throws {
    let daemon = try DaemonFixture.filled()
    var queries = [[Float]](repeating: [1, 2, 3, 4], count: 1100)
    queries[1050][2] = .nan
    try daemon.write("q.npy", SampleFiles.vectors(queries))
    let outcome = try daemon.vecctl("search", "items", "--queries", "q.npy", "-k", "1")
    expectRefusal(outcome, 65, .valueNotFinite, ["query 26,", "from query 1024 of the file"], "query 1050")
  }

  @Test("an id that int64 cannot hold is found and shown, but not written to an npy file")
  func greatestId() throws {
    let daemon = try DaemonFixture()
    try daemon.write("items.npy", SampleFiles.vectors([[1, 0], [2, 0]]))
    try daemon.write("ids.npy", SampleFiles.ids([.max, 5]))
    try daemon.write("q.npy", SampleFiles.vectors([[0, 1], [1, 0]]))
    _ = try daemon.json("create", "items", "--dim", "2", "--metric", "ip")
    try daemon.publish("items", "items.npy", ids: "ids.npy", as: "g")
    let found = try daemon.json("search", "items", "--queries", "q.npy", "-k", "2")
    #expect(try ChainTests.results(found, query: 1).ids == [5, .max])
    #expect(try daemon.vecctl("get", "items", "18446744073709551615").status == 0)
    let outcome = try daemon.vecctl("search", "items", "--queries", "q.npy", "-k", "2", "--out", "r")
    expectRefusal(outcome, 64, .limitExceeded, ["18446744073709551615", "int64", "--json"], "the greatest id")
    #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.folder).allSatisfy { !$0.hasPrefix("r.") })
  }
}
