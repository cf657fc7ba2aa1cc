import Foundation
import Testing
import VecCore

/// Every wrong command that a person can give to vecctl: one line that says what would be right, the exit status of
/// sysexits, and nothing half done.
@Suite("Bad commands given to vecctl")
struct BadCommandTests {
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
    BadCommand("create new --dim 4097 --metric ip", 64, .limitExceeded, "1 to 4096"),
    BadCommand("create new --dim 4 --metric dot", 64, .invalidArgument, "ip, cosine or l2"),
    BadCommand("create new --dim 4", 64, .invalidArgument, "--metric"),
    BadCommand("create new --dim 4 --metric ip --attribute a:double", 64, .invalidArgument, "int, float, bool, keyword"),
    BadCommand("create new --dim 4 --metric ip --attribute a", 64, .invalidArgument, "NAME:TYPE"),
    BadCommand("create new --dim 4 --metric ip --attribute And:int", 64, .invalidArgument, "a-z 0-9 _"),
    BadCommand("create new --dim 4 --metric ip --attribute a:int --attribute a:int", 64, .invalidArgument, "twice"),
    BadCommand("add-attribute nowhere a:int", 66, .collectionNotFound, "nowhere"),
    BadCommand("describe nowhere", 66, .collectionNotFound, "nowhere"),
    BadCommand("ingest nowhere good.npy", 66, .collectionNotFound, "nowhere"),
    BadCommand("ingest items good.npy --ids good-ids.npy --generation live", 65, .generationState, "live"),
    BadCommand("ingest items good.npy --attributes a.jsonl", 66, .fileNotFound, "a.jsonl"),
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
    BadCommand("search items -k 3", 64, .invalidArgument, "--vector, --queries or --like"),
    BadCommand("search items --vector 1,2,3,4 --queries good.npy -k 3", 64, .invalidArgument, "either"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exact --recall 0.9", 64, .invalidArgument, "give one"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --recall 1.5", 64, .invalidArgument, "at most 1"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --ef 100", 64, .notAvailable, "hnsw"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --nprobe 8", 64, .notAvailable, "ivf"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --index ivf", 64, .notAvailable, "flat"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --index hnsw", 64, .notAvailable, "flat"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --index tree", 64, .invalidArgument, "flat, ivf or hnsw"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --deadline 0", 64, .invalidArgument, "0.001 to 86400"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --filter a>1", 64, .invalidArgument, "there is no attribute"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --filter a>", 64, .invalidArgument, "column 3"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --fields title", 64, .invalidArgument, "attributes,payload"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --fields payload --out x", 64, .invalidArgument, "--out"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --group-by a", 64, .invalidArgument, "brand:2"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --group-by a:2", 64, .invalidArgument, "no attribute"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --quota 1:x", 64, .invalidArgument, "10:50"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --quota 4:9", 64, .invalidArgument, "k is 3"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --diversity 2", 64, .invalidArgument, "0 to 1"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --pool 9", 64, .invalidArgument, "--diversity"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --weights 0", 64, .invalidArgument, "above 0"),
    BadCommand("search items --like 999999 -k 3", 64, .invalidArgument, "no item 999999"),
    BadCommand("search items --unlike 1 -k 3", 64, .invalidArgument, "--like"),
    BadCommand("search items --like 1 --vector 1,2,3,4 -k 3", 64, .invalidArgument, "query of its own"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exclude 5,x", 64, .invalidArgument, "--exclude"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exclude 5 --exclude-file a.npy", 64, .invalidArgument, "--exclude-file"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --exclude-file absent.npy", 66, .fileNotFound, "absent.npy"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --score-limit nan", 64, .invalidArgument, "score limit"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --generation no", 66, .generationNotFound, "live"),
    BadCommand("search items --queries no.npy -k 3", 66, .fileNotFound, "no.npy"),
    BadCommand("search items --queries good.npy -k 3 --out no/such/folder", 73, .cannotCreate, "no/such/folder"),
    BadCommand("search items --queries good.npy --interests -k 3", 65, .malformedFile, "(users, interests, dimension)"),
    BadCommand("get items x", 64, .invalidArgument, "x"),
    BadCommand("get items -1", 64, .invalidArgument),
    BadCommand("drop items", 64, .invalidArgument, "--yes"),
    BadCommand("drop items --generation live --yes", 65, .generationState, "live"),
    BadCommand("bench items --queries good.npy -k 1 --connections 0", 64, .invalidArgument, "1 to 64"),
    BadCommand("bench items --queries good.npy -k 0", 64, .invalidArgument, "1 to 16384"),
    BadCommand("bench items --queries good.npy -k 1 --batch 0", 64, .invalidArgument, "1 to 4096"),
    BadCommand("bench items --queries good.npy -k 1 --batch 4097", 64, .limitExceeded, "1 to 4096"),
    BadCommand("bench items --queries good.npy -k 1 --connections 65", 64, .limitExceeded, "1 to 64"),
    BadCommand("bench items --queries good.npy -k 1 --seconds 0", 64, .invalidArgument, "0.1 to 3600"),
    BadCommand("verify items --files nowhere.vseg", 64, .invalidArgument, "not both"),
    BadCommand("inspect good.npy", 74, .segmentDamaged, "good.npy", "312"),
    BadCommand("verify --files nowhere.vseg", 66, .fileNotFound, "nowhere.vseg"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --at-least x", 64, .invalidArgument, "at-least"),
    BadCommand("search items --vector 1,2,3,4 -k 3 --at-least 999 --deadline 0.1", 75, .deadlineExceeded, "999"),
    BadCommand("upsert items", 64, .invalidArgument, "--id and --vector"),
    BadCommand("upsert items --id 5", 64, .invalidArgument, "--id and --vector"),
    BadCommand("upsert items good.npy --id 5 --vector 1,2,3,4", 64, .invalidArgument, "either"),
    BadCommand("upsert items --id 5 --vector 1,2,3,4 --ids good-ids.npy", 64, .invalidArgument, "--ids"),
    BadCommand("upsert items good.npy --batch 0", 64, .invalidArgument, "1 to 16384"),
    BadCommand("upsert items good.npy --batch 16385", 64, .limitExceeded, "1 to 16384"),
    BadCommand("upsert items no.npy", 66, .fileNotFound, "no.npy"),
    BadCommand("upsert nowhere good.npy", 66, .collectionNotFound, "nowhere"),
    BadCommand("upsert items good.npy --generation no", 66, .generationNotFound, "no"),
    BadCommand("upsert items --id 5 --vector 1,2", 65, .dimensionMismatch, "2", "4"),
    BadCommand("upsert items --id 5 --vector 1,x,3,4", 64, .invalidArgument, "value 1"),
    BadCommand("upsert items --id 5 --vector 1,nan,3,4", 65, .valueNotFinite),
    BadCommand("upsert angles --id 5 --vector 0,0,0,0", 65, .normOutOfRange, "cosine"),
    BadCommand("delete items", 64, .invalidArgument, "--ids or --ids-file"),
    BadCommand("delete items --ids 1,x", 64, .invalidArgument, "x"),
    BadCommand("delete items --ids-file good.npy", 65, .malformedFile, "ids.astype"),
    BadCommand("delete items --ids-file no.npy", 66, .fileNotFound, "no.npy"),
    BadCommand("delete nowhere --ids 1", 66, .collectionNotFound, "nowhere"),
    BadCommand("delete items --ids 1 --generation no", 66, .generationNotFound, "no"),
    BadCommand("seal nowhere", 66, .collectionNotFound, "nowhere"),
    BadCommand("compact nowhere", 66, .collectionNotFound, "nowhere"),
    BadCommand("compact items --generation no", 66, .generationNotFound, "no"),
    BadCommand("cancel-build nowhere", 66, .collectionNotFound, "nowhere"),
    BadCommand("snapshot", 64, .invalidArgument, "name"),
    BadCommand("snapshot ../out", 64, .invalidArgument, "a-z"),
    BadCommand("restore", 64, .invalidArgument, "snapshot"),
    BadCommand("frobnicate", 64, .invalidArgument, "help"),
    BadCommand("list --frobnicate", 64, .invalidArgument, "help"),
  ]

  @Test("a wrong command is refused in one line with the status of its kind, and changes nothing")
  func commands() throws {
    let daemon = try DaemonFixture.filled()
    let before = try daemon.trace()
    for bad in Self.badCommands {
      expectRefusal(try daemon.vecctl(bad.arguments), bad.status, bad.code, bad.words, bad.description)
      let told = try daemon.vecctl(["--json"] + bad.arguments)
      expectRefusal(told, bad.status, bad.code, bad.words, "--json \(bad)", json: true)
      #expect(try daemon.trace() == before, "\(bad)")
    }
    try daemon.expectUntouched()
  }

  @Test("a collection where nothing is published, and a generation that is not built, name the step that is missing")
  func notYet() throws {
    let daemon = try DaemonFixture.filled()
    _ = try daemon.json("create", "empty", "--dim", "4", "--metric", "ip")
    let search = ["search", "empty", "--vector", "1,2,3,4", "-k", "1"]
    expectRefusal(try daemon.vecctl(search), 66, .noLiveGeneration, ["publish"], "nothing published")
    _ = try daemon.json("ingest", "empty", "good.npy", "--generation", "next")
    let unbuilt = try daemon.vecctl(search + ["--generation", "next"])
    expectRefusal(unbuilt, 65, .generationState, ["next", "build-index"], "a search of what is not built")
    let publish = try daemon.vecctl("publish", "empty", "next")
    expectRefusal(publish, 65, .generationState, ["next", "build-index"], "a publish of what is not built")
    #expect(try daemon.generations("empty")["next"]?["state"] as? String == "building")
    let rollback = try daemon.vecctl("rollback", "empty")
    expectRefusal(rollback, 66, .noPreviousGeneration, ["nothing live"], "a rollback of nothing")
  }

  @Test("without a daemon the line says how to start one; a socket path that is too long says how long it may be")
  func noDaemon() throws {
    let folder = try DaemonFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let absent = try Program.run("vecctl", ["--socket", folder + "/none", "list"], in: folder)
    expectRefusal(absent, 69, .notReachable, ["vecd serve"], "no socket")
    let named = try Program.run("vecctl", ["list"], in: folder, environment: ["VECD_SOCKET": folder + "/named"])
    expectRefusal(named, 69, .notReachable, [folder + "/named"], "$VECD_SOCKET")
    let store = ["VECD_STORE": folder + "/store"]
    let stored = try Program.run("vecctl", ["list"], in: folder, environment: store)
    expectRefusal(stored, 69, .notReachable, [folder + "/store/vecd.sock"], "$VECD_STORE")
    let both = store.merging(["VECD_SOCKET": folder + "/named"]) { $1 }
    let socketFirst = try Program.run("vecctl", ["list"], in: folder, environment: both)
    expectRefusal(socketFirst, 69, .notReachable, [folder + "/named"], "$VECD_SOCKET before $VECD_STORE")
    let standard = try Program.run("vecctl", ["list"], in: folder)
    expectRefusal(standard, 69, .notReachable, [folder + "/.vecd/vecd.sock"], "the default")
    let path = folder + "/" + String(repeating: "s", count: 120)
    let long = try Program.run("vecctl", ["--socket", path, "list"], in: folder)
    expectRefusal(long, 64, .invalidArgument, ["107"], "too long")
  }
}
