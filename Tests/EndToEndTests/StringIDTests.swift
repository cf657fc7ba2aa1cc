import Foundation
import Testing
import VecClient
import VecCore

@Suite("String ids with the real programs")
struct StringIDTests {
  /// Two texts of one hash, as in VecEngineTests.
  private static let twins = [
    "97rdktsg-the-rest-of-a-key-of-24g5wt4yln-the-rest-of-a-key-of-24",
    "s6zr23ta-the-rest-of-a-key-of-24NiCdFwfn-the-rest-of-a-key-of-24",
  ]
  private static let query = ["--vector", "0.1,0.2,0.7"]

  /// `shop`, whose items sku-1, sku-2 and café are the axes.
  private static func filled() throws -> DaemonFixture {
    let daemon = try DaemonFixture()
    let made = try daemon.json("create", "shop", "--dim", "3", "--metric", "ip", "--string-ids", "--attribute", "price:int")
    #expect(made["ids"] as? String == "string")
    let lines = [
      #"{"id":"sku-1","vector":[1,0,0],"attributes":{"price":3}}"#, #"{"id":"sku-2","vector":[0,1,0],"payload":"two"}"#,
      #"{"id":"caf\u00e9","vector":[0,0,1]}"#,
    ]
    _ = try daemon.json("ingest", "shop", "-", "--generation", "g", input: Data(lines.joined(separator: "\n").utf8))
    _ = try daemon.json("build-index", "shop", "--generation", "g", "--type", "flat", "--wait")
    _ = try daemon.json("publish", "shop", "g")
    return daemon
  }

  private func ids(_ daemon: DaemonFixture, _ more: String...) throws -> [String?] {
    let outcome = try daemon.vecctl(["--json", "search", "shop"] + more)
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let results = try #require(try outcome.json()["results"] as? [[[String: Any]]])
    return results[0].map { $0["id"] as? String }
  }

  @Test("texts go in and come out of every verb")
  func verbs() throws {
    let daemon = try Self.filled()
    #expect(try daemon.json("describe", "shop")["ids"] as? String == "string")
    #expect(try ids(daemon, "--vector", "0.1,0.2,0.7", "-k", "3") == ["café", "sku-2", "sku-1"])
    #expect(try ids(daemon, "--vector", "0.1,0.2,0.7", "-k", "3", "--exclude", "café,nobody") == ["sku-2", "sku-1"])
    #expect(try ids(daemon, "--like", "sku-1", "-k", "1") == ["sku-2"])
    let table = try daemon.vecctl(["search", "shop", "-k", "1", "--fields", "payload"] + Self.query)
    #expect(table.text.contains("café"))

    let got = try daemon.vecctl("--json", "get", "shop", "sku-2", "nobody", "sku-1", "--fields", "attributes,payload")
    #expect(got.status == 66 && got.stderr.contains("not in generation g: nobody"))
    let items = try #require(try got.json()["items"] as? [[String: Any]])
    #expect(items.map { $0["id"] as? String } == ["sku-2", "nobody", "sku-1"])
    #expect(items[0]["payload"] as? String == "two" && items[1]["vector"] is NSNull)
    #expect((items[2]["attributes"] as? [String: Int]) == ["price": 3] && items[2]["string_id"] == nil)

    #expect(try daemon.json("upsert", "shop", "--id", "sku-9", "--vector", "0.3,0.3,0.3")["new"] as? Int == 1)
    try daemon.write("gone.txt", Data("sku-9\r\nnobody\n".utf8))
    _ = try daemon.json("exclude", "shop", "u", "--ids-file", "gone.txt")
    let excluded = try #require(try daemon.json("exclude", "shop", "u", "--list")["ids"] as? [[String: Any]])
    #expect(Set(excluded.map { $0["id"] as? String }) == ["sku-9", nil])
    #expect(excluded.filter { $0["id"] is NSNull }.map { $0["hash"] as? UInt64 } == [StringID.id(of: "nobody")])
    #expect(try daemon.vecctl("exclude", "shop", "u", "--list").text.contains("#\(StringID.id(of: "nobody"))"))
    #expect(try ids(daemon, "--vector", "1,1,1", "-k", "9", "--exclude-set", "u").count == 3)
    _ = try daemon.json("bias", "shop", "b", "--ids", "sku-1", "--value", "5")
    #expect((try daemon.json("bias", "shop", "b", "--list")["biases"] as? [[String: Any]])?.first?["id"] as? String == "sku-1")
    #expect(try ids(daemon, "--vector", "0.1,0.2,0.7", "-k", "1", "--bias", "b") == ["sku-1"])
    #expect(try daemon.json("delete", "shop", "--ids-file", "gone.txt")["deleted"] as? Int == 1)
    #expect(try daemon.json("delete", "shop", "--ids", "café")["deleted"] as? Int == 1)
    #expect(try ids(daemon, "--vector", "0.1,0.2,0.7", "-k", "9") == ["sku-2", "sku-1"])
  }

  @Test("vectors take their ids from a text file, and biases theirs, one for each")
  func files() throws {
    let daemon = try Self.filled()
    try daemon.write("rows.npy", SampleFiles.vectors([[0, 0, 2], [0, 2, 0]]))
    try daemon.write("ids.txt", Data("new 1\nnew,2\n".utf8))
    #expect(try daemon.json("upsert", "shop", "rows.npy", "--ids", "ids.txt")["new"] as? Int == 2)
    #expect(try ids(daemon, "--vector", "0.1,0.2,0.7", "-k", "2") == ["new 1", "café"])
    try daemon.write("short.txt", Data("one\n".utf8))
    let short = try daemon.vecctl("ingest", "shop", "rows.npy", "--ids", "short.txt", "--generation", "h")
    #expect(short.status == 65 && short.stderr.contains("short.txt: it ends after 1 lines"))
    try daemon.write("values.npy", SampleFiles.npy("<f4", shape: [3], SampleFiles.bytes([1, 2, 3] as [Float])))
    let biased = try daemon.vecctl("bias", "shop", "b", "--ids-file", "ids.txt", "--values-file", "values.npy")
    #expect(biased.status == 65 && biased.stderr.contains("holds 3 biases, ids.txt has 2 ids"))
  }

  @Test("what does not suit the collection is refused, and says what would be right")
  func refusals() throws {
    let daemon = try Self.filled()
    _ = try daemon.json("create", "numbers", "--dim", "3", "--metric", "ip")
    try daemon.write("ids.txt", Data("a\n".utf8))
    try daemon.write("numbers.jsonl", Data(#"{"id":7,"vector":[1,0,0]}"#.utf8))
    try daemon.write("texts.jsonl", Data(#"{"id":"a","vector":[1,0,0]}"#.utf8))
    for (arguments, status, told) in [
      (["upsert", "shop", "numbers.jsonl"], 64, "without its string id"),
      (["upsert", "numbers", "texts.jsonl"], 64, "known by numbers"),
      (["delete", "numbers", "--ids-file", "ids.txt"], 64, "the items of numbers are known by numbers"),
      (["get", "numbers", "x"], 64, "id \"x\" is not an integer from 0 to 18446744073709551615 ["),
      (["delete", "numbers", "--ids", "1,x"], 64, "write 1,2,3"), (["get", "shop", ""], 64, "has 0 bytes, must have 1 to 256"),
    ] as [([String], Int32, String)] {
      let outcome = try daemon.vecctl(arguments)
      #expect(outcome.status == status && outcome.stderr.contains(told), "\(arguments): \(outcome.stderr)")
    }
  }

  @Test("the Swift client writes, reads and deletes by text, and never takes one for another of its hash")
  func client() async throws {
    let daemon = try Self.filled()
    let client = try await VecClient.connect(socketPath: daemon.socket)
    let session = try await client.ingest(collection: "shop", generation: "h")
    try await session.append(
      stringIDs: ["a", Self.twins[0]], vectors: [1, 0, 0, 0, 1, 0], records: [.init(payload: [1]), .init(payload: [2])])
    #expect(try await session.commit().rowCount == 2)
    _ = try await client.buildIndex(collection: "shop", generation: "h", index: .flat)
    let got = try await client.get(
      collection: "shop", stringIDs: ["nobody"] + Self.twins + ["a"], generation: "h", fields: .payload)
    #expect(got.found == [false, true, false, true] && got.vectors == [0, 1, 0, 1, 0, 0])
    #expect(got.records == [AttributeRecord(payload: [2]), AttributeRecord(payload: [1])])
    #expect(try await client.get(collection: "shop", stringIDs: ["sku-1"]).records.isEmpty)

    let written = try await client.upsert(
      UpsertRequest(
        collection: "shop", generation: "h", dimension: 3, stringIDs: ["a", "b"], vectors: [0, 0, 1, 0, 0, 2]))
    #expect(written.existing == 1)
    let found = try await client.search(
      SearchRequest(collection: "shop", generation: "h", k: 2, dimension: 3, vectors: [0, 0, 1], fields: .stringID))
    #expect(found.records.map { $0.stringID?.text } == ["b", "a"])
    #expect(try await client.delete(DeleteRequest(collection: "shop", generation: "h", stringIDs: ["a", "x"])).existing == 1)
    let error = await #expect(throws: VecError.self) {
      try await client.upsert(
        UpsertRequest(
          collection: "shop", generation: "h", dimension: 3, stringIDs: [Self.twins[1]], vectors: [1, 1, 1]))
    }
    #expect(error?.code == .duplicateId && error?.message.contains(Self.twins[0]) == true)
    #expect(throws: VecError.self) { try DeleteRequest(collection: "shop", stringIDs: ["a", ""]) }
    #expect(throws: VecError.self) {
      try UpsertRequest(
        collection: "shop", dimension: 3, stringIDs: ["a"], vectors: [1, 1, 1], records: [.init(), .init()])
    }
    client.close()
  }
}
