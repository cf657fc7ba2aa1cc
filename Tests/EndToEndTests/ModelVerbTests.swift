import Foundation
import Testing
import VecCore

@Suite("Models, settings and checked publishes by vecctl")
struct ModelVerbTests {
  /// `items` and `authors`: monday of tt-1 live, tuesday of tt-2 built.
  private static func loaded() throws -> DaemonFixture {
    let daemon = try DaemonFixture()
    try daemon.write("users.npy", SampleFiles.vectors(SampleRows(seed: 2, count: 80, dimension: 8).rows))
    for name in ["items", "authors"] {
      _ = try daemon.json("create", name, "--dim", "8", "--metric", "ip")
      for (seed, label, model) in [(3, "monday", "tt-1"), (4, "tuesday", "tt-2")] as [(UInt64, String, String)] {
        try daemon.write("items.npy", SampleFiles.vectors(SampleRows(seed: seed, count: 300, dimension: 8).rows))
        _ = try daemon.json("ingest", name, "items.npy", "--generation", label, "--model", model)
        _ = try daemon.json("build-index", name, "--generation", label, "--type", "flat", "--wait")
      }
      _ = try daemon.json("publish", name, "monday", "--expect", "")
    }
    return daemon
  }

  private static func live(_ daemon: DaemonFixture, _ name: String) throws -> String? {
    try daemon.generations(name).first { $0.value["state"] as? String == "live" }?.key
  }

  private static let query = ["--vector", "1,0,0,0,0,0,0,0", "-k", "3"]

  @Test("a search of another model is refused, routed or answered, as configure says, and generations tell the model")
  func policies() throws {
    let daemon = try Self.loaded()
    #expect(try daemon.generations("items").mapValues { $0["model"] as? String } == ["monday": "tt-1", "tuesday": "tt-2"])
    func ask(_ model: String) throws -> (status: Int32, generation: String?) {
      let done = try daemon.vecctl(["--json", "search", "items", "--model", model] + Self.query)
      return (done.status, try? done.json()["generation"] as? String)
    }
    #expect(try ask("tt-1").generation == "monday")
    #expect(try ask("tt-2").status == VecErrorCode.modelMismatch.exitStatus)
    let now = try daemon.json("configure", "items", "--model-policy", "count", "--gauge", "0.5")
    #expect((now["settings"] as? [String: Any])?["model_policy"] as? String == "count")
    #expect(try ask("tt-2").generation == "monday")
    _ = try daemon.json("configure", "items", "--model-policy", "route")
    _ = try daemon.json("publish", "items", "tuesday", "--model", "tt-2")
    #expect(try ask("tt-1").generation == "monday" && ask("tt-2").generation == "tuesday")
    let settings = try #require(try daemon.json("describe", "items")["settings"] as? [String: Any])
    #expect(settings["model_policy"] as? String == "route" && settings["captured_queries"] as? Int == 0)
    #expect((settings["gauge_share"] as? NSNumber)?.floatValue == 0.5)
    let text = try daemon.vecctl("generations", "items")
    #expect(text.text.contains("MODEL") && text.text.contains("tt-2"))
    for wrong in [["--model-policy", "maybe"], ["--gauge", "2"], [], ["--capture", "65537"]] {
      #expect(try daemon.vecctl(["configure", "items"] + wrong).status == 64, "\(wrong)")
    }
    let upsert = try daemon.vecctl("upsert", "items", "--id", "7", "--vector", "1,0,0,0,0,0,0,0", "--model", "tt-1")
    #expect(upsert.status == VecErrorCode.modelMismatch.exitStatus && upsert.stderr.contains("tt-2"))
    #expect(try daemon.vecctl(["search", "items", "--like", "7", "-k", "3", "--model", "tt-1"]).status == 65)
    #expect(try daemon.vecctl(["search", "items", "--like", "7", "-k", "3", "--model", "tt-2"]).status == 0)
  }

  @Test("captured queries come out as the file they went in as")
  func captured() throws {
    let daemon = try Self.loaded()
    _ = try daemon.json("configure", "items", "--capture", "100")
    _ = try daemon.json("search", "items", "--queries", "users.npy", "-k", "3", "--out", "found")
    let told = try daemon.json("captured", "items", "--out", "kept.npy")
    #expect(told["queries"] as? Int == 80)
    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: daemon.folder + "/" + name)) }
    let (kept, given) = (try bytes("kept.npy"), try bytes("users.npy"))
    #expect(kept.suffix(80 * 8 * 4) == given.suffix(80 * 8 * 4))
    #expect(try daemon.json("captured", "items", "--generation", "tuesday", "--out", "none.npy")["queries"] as? Int == 0)
  }

  @Test("a publish whose checks fail changes nothing and says why; a dry run tells; several go live at once")
  func checks() throws {
    let daemon = try Self.loaded()
    let failed = try daemon.vecctl("publish", "items", "tuesday", "--min-rows", "301", "--min-share", "1.5")
    #expect(failed.status == VecErrorCode.publishRefused.exitStatus)
    #expect(failed.stderr.contains("the number of rows is 300, at least 301 was asked"))
    #expect(failed.stderr.contains("1.0, at least 1.5 was asked"))
    let dry = try daemon.json(
      "publish", "items", "tuesday", "--dry-run", "--min-recall", "0.9", "--queries", "users.npy", "--live-queries",
      "users.npy", "-k", "20")
    let report = try #require(dry["report"] as? [String: Any])
    #expect(report["passed"] as? Bool == true && dry["live"] as? String == "monday")
    let measured = try #require(report["checks"] as? [[String: Any]])
    #expect(measured.count == 7 && measured.allSatisfy { !($0["measured"] is NSNull) })
    let text = try daemon.vecctl("publish", "items", "tuesday", "--dry-run", "--min-rows", "301")
    #expect(text.status == 0 && text.text.contains("FAILS") && text.text.contains("dry run"))
    #expect(try Self.live(daemon, "items") == "monday")
    let half = try daemon.vecctl("publish", "items", "tuesday", "--with", "authors:wednesday")
    #expect(half.status == VecErrorCode.generationNotFound.exitStatus)
    #expect(try daemon.vecctl("publish", "items", "tuesday", "--with", "authors").status == 64)
    #expect(try Self.live(daemon, "items") == "monday")
    let both = try daemon.json("publish", "items", "tuesday", "--with", "authors:tuesday", "--model", "tt-2")
    #expect((both["published"] as? [[String: Any]])?.compactMap { $0["replaced"] as? String } == ["monday", "monday"])
    #expect(try Self.live(daemon, "items") == "tuesday" && Self.live(daemon, "authors") == "tuesday")
    #expect(try daemon.json("rollback", "items")["live"] as? String == "monday")
  }
}
