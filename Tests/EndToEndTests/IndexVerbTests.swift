import Foundation
import Testing
import VecCore

@Suite("Indexes by vecctl")
struct IndexVerbTests {
  static let dimension = 16

  private static func loaded() throws -> (daemon: DaemonFixture, sample: SampleRows) {
    let daemon = try DaemonFixture()
    let sample = SampleRows(seed: 31, count: 3000, dimension: dimension)
    try daemon.write("items.npy", SampleFiles.vectors(sample.rows))
    try daemon.write("ids.npy", SampleFiles.ids(sample.ids))
    try daemon.write("users.npy", SampleFiles.vectors(SampleRows(seed: 32, count: 60, dimension: dimension).rows))
    _ = try daemon.json("create", "items", "--dim", "16", "--metric", "ip")
    _ = try daemon.json("ingest", "items", "items.npy", "--ids", "ids.npy", "--generation", "g")
    return (daemon, sample)
  }

  private static func recall(_ found: [String: Any], _ sample: SampleRows, _ users: [[Float]], k: Int) throws -> Double {
    let hits = try users.enumerated().reduce(0) { sum, user in
      let ids = try ChainTests.results(found, query: user.offset).ids
      return sum + Set(ids).intersection(sample.answer([user.element], k: k).ids).count
    }
    return Double(hits) / Double(users.count * k)
  }

  @Test(
    "a search that asks for a recall names the index, its parameter and what to expect, and reaches it",
    arguments: ["ivf", "hnsw", "auto"])
  func recallAsked(type: String) throws {
    let (daemon, sample) = try Self.loaded()
    let users = SampleRows(seed: 32, count: 60, dimension: Self.dimension).rows
    let built = try daemon.json(
      "build-index", "items", "--generation", "g", "--type", type, "--queries", "users.npy", "--target-recall", "0.9",
      "--wait")
    #expect(built["built"] as? Bool == true && built["index"] as? String == type)
    let report = try #require(built["report"] as? [String: Any])
    #expect((report["target_recall"] as? NSNumber)?.floatValue == 0.9 && report["rows"] as? Int == 3000)
    let indexes = try #require(report["indexes"] as? [[String: Any]]).compactMap { $0["index"] as? String }
    #expect(indexes == (type == "auto" ? ["ivf", "hnsw"] : [type]))
    _ = try daemon.json("publish", "items", "g")
    for index in indexes {
      let found = try daemon.json(
        "search", "items", "--queries", "users.npy", "-k", "10", "--recall", "0.95", "--index", index)
      #expect(found["index"] as? String == index && found["parameter"] as? Int ?? 0 >= 1)
      let expected = try #require((found["expected_recall"] as? NSNumber)?.doubleValue)
      let reached = try Self.recall(found, sample, users, k: 10)
      #expect(expected >= 0.95 && expected <= 1 && reached >= 0.95, "\(index): \(reached) of \(expected) expected")
    }
    // Without --index the cheapest one that reaches it answers, flat included.
    let free = try daemon.json("search", "items", "--queries", "users.npy", "-k", "10", "--recall", "0.95")
    #expect((["flat"] + indexes).contains(free["index"] as? String ?? ""))
    #expect(try Self.recall(free, sample, users, k: 10) >= 0.95)
    let option = indexes[0] == "ivf" ? ["--nprobe", "7"] : ["--ef", "37"]
    let asked = try daemon.vecctl(["--json", "search", "items", "--queries", "users.npy", "-k", "10"] + option).json()
    #expect(asked["index"] as? String == indexes[0] && asked["parameter"] as? Int == (indexes[0] == "ivf" ? 7 : 37))
    let text = try daemon.vecctl(
      "search", "items", "--queries", "users.npy", "-k", "2", "--recall", "0.95", "--index", indexes[0])
    #expect(text.status == 0 && text.stderr.contains("index \(indexes[0])"), "\(text.stderr)")
    let generation = try #require(try daemon.generations("items")["g"])
    #expect(type == "auto" || generation["index"] as? String == type, "\(generation)")
  }

  @Test("a build without --wait goes on in the daemon, and generations tells how far it is until it is built")
  func withoutWaiting() throws {
    let (daemon, sample) = try Self.loaded()
    let begun = try daemon.json("build-index", "items", "--generation", "g", "--type", "auto")
    #expect(begun["built"] as? Bool == false && begun["report"] is NSNull)
    var progress: [Double] = []
    let isBuilt = try eventually {
      let generation = try #require(try daemon.generations("items")["g"])
      if let share = (generation["build_progress"] as? NSNumber)?.doubleValue { progress.append(share) }
      #expect(generation["build_error"] is NSNull)
      return generation["state"] as? String == "built"
    }
    #expect(isBuilt && !progress.isEmpty, "\(progress)")
    #expect(progress == progress.sorted() && progress.allSatisfy { (0...1).contains($0) }, "\(progress)")
    let generation = try #require(try daemon.generations("items")["g"])
    #expect(generation["build_progress"] is NSNull && generation["index"] is String)
    _ = try daemon.json("publish", "items", "g")
    let user = sample.rows[0].map { $0.description }.joined(separator: ",")
    let found = try daemon.json("search", "items", "--vector", user, "-k", "5", "--exact")
    #expect(try ChainTests.results(found).ids == sample.answer([sample.rows[0]], k: 5).ids)
  }

  @Test("verify --files names a file that is damaged and the sound one not, and ends with 74")
  func verifyFiles() throws {
    let daemon = try DaemonFixture.filled()
    try daemon.stop()
    let files = daemon.segmentFiles.map { "store/segments/" + $0 }
    let path = daemon.folder + "/" + files[1]
    chmod(path, 0o600)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 0x20
    try bytes.write(to: URL(fileURLWithPath: path))
    let outcome = try daemon.vecctl(["verify", "--files"] + files)
    #expect(outcome.status == 74, "\(outcome.stderr)")
    #expect(outcome.text.contains(files[1]) && !outcome.text.contains(files[0]), "\(outcome.text)")
    #expect(outcome.lines.count == 1 && outcome.stderr.hasSuffix("[segment-damaged]\n"), "\(outcome.stderr)")
    let told = try daemon.vecctl(["--json", "verify", "--files"] + files)
    let report = try told.json()
    #expect(told.status == 74 && report["files"] as? Int == 2)
    let findings = try #require(report["findings"] as? [[String: Any]])
    #expect(findings.compactMap { $0["file"] as? String } == [files[1]], "\(findings)")
    #expect(try daemon.vecctl("verify", "--files", files[0]).status == 0)
  }
}
