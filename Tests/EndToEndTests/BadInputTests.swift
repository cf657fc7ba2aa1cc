import Foundation
import Testing
import VecCore

/// Everything wrong that a person can hand to vecctl: one line that says what would be right, the exit status of
/// sysexits, and nothing half done.
@Suite("Bad input to vecctl")
struct BadInputTests {
  /// A daemon with a live generation of four dimensions in each of two collections.
  static func filled() throws -> DaemonFixture {
    let daemon = try DaemonFixture()
    for (name, metric) in [("items", "ip"), ("angles", "cosine")] {
      _ = try daemon.json("create", name, "--dim", "4", "--metric", metric)
      try daemon.write("good.npy", SampleFiles.vectors([[1, 0, 0, 1], [0, 1, 0, 0], [0.1, 0, 1, 0]]))
      try daemon.write("good-ids.npy", SampleFiles.ids([10, 20, 30]))
      try daemon.publish(name, "good.npy", ids: "good-ids.npy", as: "live")
    }
    return daemon
  }

  /// One line, of the right form, with every one of `words`.
  static func expectRefusal(
    _ outcome: Outcome, _ status: Int32, _ code: VecErrorCode, _ words: [String], _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == status, "\(what): \(outcome.stderr)", sourceLocation: sourceLocation)
    #expect(outcome.lines.count == 1, "\(what): \(outcome.stderr)", sourceLocation: sourceLocation)
    let line = outcome.lines.first ?? ""
    #expect(
      line.hasPrefix("vecctl: error: ") && line.hasSuffix(" [\(code.name)]"), "\(what): \(line)",
      sourceLocation: sourceLocation)
    for word in words { #expect(line.contains(word), "\(what): \(line)", sourceLocation: sourceLocation) }
    #expect(outcome.stdout.isEmpty, "\(what)", sourceLocation: sourceLocation)
  }

  /// The store is as `filled` left it.
  static func expectUntouched(_ daemon: DaemonFixture, sourceLocation: SourceLocation = #_sourceLocation) throws {
    for name in ["items", "angles"] {
      let rows = try daemon.generations(name).mapValues { $0["rows"] as? Int }
      #expect(rows == ["live": 3], sourceLocation: sourceLocation)
    }
    #expect(daemon.segmentFiles.count == 2, "\(daemon.segmentFiles)", sourceLocation: sourceLocation)
    let verified = try daemon.json("verify")
    #expect((verified["findings"] as? [Any])?.isEmpty == true, sourceLocation: sourceLocation)
  }

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
    let daemon = try Self.filled()
    for bad in Self.badFiles {
      try daemon.write(bad.name, bad.content)
      var arguments = ["--socket", daemon.socket, "ingest", bad.collection, bad.name, "--generation", "next"]
      if let ids = bad.ids {
        try daemon.write("bad-ids.npy", ids)
        arguments += ["--ids", "bad-ids.npy"]
      }
      let outcome = try Program.run("vecctl", arguments, in: daemon.folder)
      Self.expectRefusal(outcome, 65, bad.code, bad.words, bad.description)
    }
    let missing = try daemon.vecctl("ingest", "items", "nowhere.npy")
    Self.expectRefusal(missing, 66, .fileNotFound, ["nowhere.npy"], "a file that is not there")
    let garbage = try daemon.vecctl("ingest", "items", "-", input: Data("garbage".utf8))
    Self.expectRefusal(garbage, 65, .malformedFile, [], "garbage on standard input")
    try Self.expectUntouched(daemon)
  }

  struct BadCommand: Sendable, CustomStringConvertible {
    var arguments: [String]
    var status: Int32
    var code: VecErrorCode
    var words: [String] = []
    var description: String { arguments.joined(separator: " ") }

    init(_ arguments: String, _ status: Int32, _ code: VecErrorCode, _ words: String...) {
      self.arguments = arguments.split(separator: " ").map { $0 == "''" ? "" : String($0) }
      (self.status, self.code, self.words) = (status, code, words)
    }
  }

  static let badCommands = [
    BadCommand("create items --dim 4 --metric ip", 73, .collectionExists, "items"),
    BadCommand("create Items --dim 4 --metric ip", 64, .invalidArgument, "a-z"),
    BadCommand("create new --dim 0 --metric ip", 64, .invalidArgument, "1 to 4096"),
    BadCommand("create new --dim 4097 --metric ip", 64, .invalidArgument, "1 to 4096"),
    BadCommand("create new --dim 4 --metric dot", 64, .invalidArgument, "ip, cosine or l2"),
    BadCommand("create new --dim 4", 64, .invalidArgument, "--metric"),
    BadCommand("create new --dim 4 --metric ip --attribute a:int", 64, .notAvailable, "--attribute"),
    BadCommand("ingest nowhere good.npy", 66, .collectionNotFound, "nowhere"),
    BadCommand("ingest items good.npy --ids good-ids.npy --generation live", 65, .generationState, "live"),
    BadCommand("ingest items good.npy --generation a/b", 64, .invalidArgument, "a/b"),
    BadCommand("build-index items --type flat", 66, .generationNotFound, "ingest"),
    BadCommand("build-index items --generation live --type flat", 65, .generationState, "live"),
    BadCommand("build-index items --generation no --type flat", 66, .generationNotFound, "no"),
    BadCommand("build-index items --type tree", 64, .invalidArgument, "flat, ivf, hnsw or auto"),
    BadCommand("build-index items --type flat --target-recall 2", 64, .invalidArgument, "at most 1"),
    BadCommand("publish items no", 66, .generationNotFound, "no"),
    BadCommand("publish items live --expect other", 65, .liveGenerationChanged, "other"),
    BadCommand("rollback items", 66, .noPreviousGeneration, "publish"),
    BadCommand("generations nowhere", 66, .collectionNotFound, "nowhere"),
    BadCommand("search nowhere --vector 1,2,3,4 -k 1", 66, .collectionNotFound, "nowhere"),
    BadCommand("search items --vector 1,2,3 -k 1", 65, .dimensionMismatch, "3", "4"),
    BadCommand("search items --vector 1,x,3,4 -k 1", 64, .invalidArgument, "value 1"),
    BadCommand("search items --vector 1,nan,3,4 -k 1", 65, .valueNotFinite),
    BadCommand("search angles --vector 0,0,0,0 -k 1", 65, .normOutOfRange, "cosine"),
    BadCommand("search items --vector 1,2,3,4 -k 0", 64, .invalidArgument, "1 to 16384"),
    BadCommand("search items --vector 1,2,3,4 -k 16385", 64, .limitExceeded, "1 to 16384"),
    BadCommand("search items --vector 1,2,3,4 -k -3", 64, .invalidArgument, "-k"),
    BadCommand("search items -k 3", 64, .invalidArgument, "--vector or --queries"),
    BadCommand("search items --vector 1,2,3,4 --queries good.npy -k 3", 64, .invalidArgument, "either"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exact --recall 0.9", 64, .invalidArgument, "give one"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --recall 1.5", 64, .invalidArgument, "at most 1"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --ef 100", 64, .notAvailable, "hnsw"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --nprobe 8", 64, .notAvailable, "ivf"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --filter a>1", 64, .notAvailable, "--filter"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exclude 5", 64, .notAvailable, "--exclude"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --generation no", 66, .generationNotFound, "live"),
    BadCommand("search items --queries no.npy -k 3", 66, .fileNotFound, "no.npy"),
    BadCommand("search items --queries good.npy -k 3 --out no/such/folder", 73, .cannotCreate, "no/such/folder"),
    BadCommand("search items --queries good.npy --interests -k 3", 65, .malformedFile, "(users, interests, dimension)"),
    BadCommand("get items x", 64, .invalidArgument, "x"),
    BadCommand("get items -1", 64, .invalidArgument),
    BadCommand("drop items", 64, .invalidArgument, "--yes"),
    BadCommand("drop items --generation live --yes", 65, .generationState, "live"),
    BadCommand("bench items --queries good.npy -k 1 --connections 0", 64, .invalidArgument, "1 to 64"),
    BadCommand("verify --files nowhere.vseg", 66, .fileNotFound, "nowhere.vseg"),
    BadCommand("upsert items 1", 64, .notAvailable, "ingest"),
    BadCommand("delete items 1", 64, .notAvailable, "generation"),
    BadCommand("snapshot", 64, .notAvailable, "copy"),
    BadCommand("restore", 64, .notAvailable, "copy"),
    BadCommand("frobnicate", 64, .invalidArgument, "help"),
    BadCommand("list --frobnicate", 64, .invalidArgument, "help"),
  ]

  @Test("a wrong command is refused in one line with the status of its kind, and changes nothing")
  func commands() throws {
    let daemon = try Self.filled()
    for bad in Self.badCommands {
      let outcome = try Program.run("vecctl", ["--socket", daemon.socket] + bad.arguments, in: daemon.folder)
      Self.expectRefusal(outcome, bad.status, bad.code, bad.words, bad.description)
    }
    try Self.expectUntouched(daemon)
  }

  @Test(
    "indexes this version does not have are named so, and the generation stays as it was",
    arguments: ["ivf", "hnsw", "auto"])
  func notAvailable(type: String) throws {
    let daemon = try Self.filled()
    _ = try daemon.json("ingest", "items", "good.npy", "--generation", "next")
    let outcome = try daemon.vecctl("build-index", "items", "--type", type, "--wait")
    Self.expectRefusal(outcome, 64, .notAvailable, ["not available in this version", "flat"], type)
    #expect(try daemon.generations("items")["next"]?["state"] as? String == "building")
  }

  @Test("with --json the error is an object on stdout too")
  func jsonErrors() throws {
    let daemon = try DaemonFixture()
    let outcome = try daemon.vecctl("generations", "nowhere", "--json")
    #expect(outcome.status == 66 && outcome.lines.count == 1)
    let error = try #require(try outcome.json()["error"] as? [String: Any])
    #expect(error["code"] as? Int == 2001 && error["name"] as? String == "collection-not-found")
    #expect((error["message"] as? String ?? "").contains("nowhere"))
  }

  @Test("without a daemon the line says how to start one; a socket path that is too long says how long it may be")
  func noDaemon() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let absent = try Program.run("vecctl", ["--socket", folder + "/none", "list"], in: folder)
    Self.expectRefusal(absent, 69, .notReachable, ["vecd serve"], "no socket")
    let named = try Program.run("vecctl", ["list"], in: folder, environment: ["VECD_SOCKET": folder + "/named"])
    Self.expectRefusal(named, 69, .notReachable, [folder + "/named"], "$VECD_SOCKET")
    let standard = try Program.run("vecctl", ["list"], in: folder)
    Self.expectRefusal(standard, 69, .notReachable, [folder + "/.vecd/vecd.sock"], "the default")
    let path = folder + "/" + String(repeating: "s", count: 120)
    let long = try Program.run("vecctl", ["--socket", path, "list"], in: folder)
    Self.expectRefusal(long, 64, .invalidArgument, ["107"], "too long")
  }
}
