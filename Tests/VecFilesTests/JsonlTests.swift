import Testing
import VecCore
import VecFiles

@Suite("JSON lines") struct JsonlTests {
  let scratch = Scratch()

  private func message(_ text: String) -> String? { failure(scratch.file("a.jsonl", text: text))?.message }

  @Test("ids stay exact to 2^64 - 1 and values are the nearest float32")
  func exact() throws {
    let all = try drain(
      scratch.file(
        "a.jsonl",
        text: """
          {"id": 18446744073709551615, "vector": [0.1, -1, 2.5e-3]}

          \t{ "vector" : [1E2,0,-0.0] , "id" : 9007199254740993 }\r
          {"id":0,"vector":[16777217,3.4028235e38,1e-45]}
          """))
    #expect(all.ids == [18_446_744_073_709_551_615, 9_007_199_254_740_993, 0])
    #expect(all.values == [0.1, -1, 2.5e-3, 100, 0, 0, 16_777_216, 3.4028235e38, .leastNonzeroMagnitude])
    #expect(all.dimension == 3)
  }

  @Test(
    "an id that is not an unsigned integer is refused",
    arguments: ["-1", "1.0", "1e3", "18446744073709551616", "null", "true", "[1]", "+1", ""])
  func ids(id: String) {
    let told = message("{\"id\": \(id), \"vector\": [1]}")
    #expect(told?.contains("line 1: ") == true)
    #expect(told?.contains("integer from 0 to 18446744073709551615") == true)
  }

  @Test("ids may be texts, in all lines or in none; what no string id may be is refused")
  func textIDs() throws {
    let scratch = Scratch()
    let path = scratch.file("t.jsonl", Array(#"{"id":"sku \"17\" \u00e9","vector":[1]}\#n{"id":"7","vector":[2]}"#.utf8))
    let block = try #require(try openVectors(path: path).nextBlock())
    #expect(block.stringIDs == ["sku \"17\" é", "7"] && block.ids == block.stringIDs.map { StringID.id(of: $0) })
    #expect(message(#"{"id":"a","vector":[1]}\#n{"id":7,"vector":[1]}"#)?.contains("line 2 has a number as its id") == true)
    #expect(message(#"{"id":7,"vector":[1]}\#n{"id":"a","vector":[1]}"#)?.contains("line 2 has a text as its id") == true)
    for id in [#""""#, #""a\nb""#, #""a\u0000""#, #""\ud800""#, #""\x""#, "\"" + String(repeating: "x", count: 257) + "\""] {
      #expect(message("{\"id\":\(id),\"vector\":[1]}")?.contains("line 1: ") == true, "\(id)")
    }
  }

  @Test("a text file has a string id per line for the rows of another file, no more and no fewer")
  func textFile() throws {
    let scratch = Scratch()
    let rows = npy("'<f4'", "(2, 1)", [1, 2] as [Float])
    let vectors = scratch.file("v.npy", rows)
    func read(_ text: String) throws -> [String] {
      let source = try openVectors(path: vectors, idsPath: scratch.file("ids.txt", Array(text.utf8)))
      var texts: [String] = []
      while let block = try source.nextBlock() { texts += block.stringIDs }
      return texts
    }
    #expect(try read("sku-1\r\né\n") == ["sku-1", "é"] && read("a\nb") == ["a", "b"])
    for text in ["a", "a\nb\nc", "a\n\n", "a\nb\n\n", "a\n\u{1}", ""] {
      let error = #expect(throws: VecError.self) { try read(text) }
      #expect(error?.code == .malformedFile && error?.message.contains("ids.txt") == true, "\(text)")
    }
  }

  @Test(
    "a component that is not a finite float32 number is refused",
    arguments: ["NaN", "Infinity", "1e39", "-1e400", "\"1\"", "null", ".5", "1.", "1e", "-", "01", "0x1p3", "[1]", ""])
  func components(text: String) {
    #expect(message("{\"id\": 1, \"vector\": [0, \(text)]}")?.contains("line 1: ") == true)
  }

  @Test(
    "a line that is not one object of id and vector is refused",
    arguments: [
      "[1]", "7", "{}", "{\"id\": 0x10, \"vector\": [1]}", "{\"id\": 1}", "{\"vector\": [1]}",
      "{\"id\": 1, \"vector\": []}", "{\"id\": 1, \"vector\": 3}",
      "{\"id\": 1, \"id\": 2, \"vector\": [1]}", "{\"id\": 1, \"vector\": [1], \"vector\": [1]}",
      "{\"id\": 1, \"vector\": [1]} x", "{\"id\": 1, \"vector\": [1]", "{\"id\": 1, \"vector\": [1],}",
      "{\"id\": 1 \"vector\": [1]}", "{\"id\" 1, \"vector\": [1]}", "{id: 1, \"vector\": [1]}",
      "{\"id\": 1, \"vector\": [1,]}",
      "{\"id\\", "{\"id", "\u{FEFF}{\"id\": 1, \"vector\": [1]}", "{\"id\": 1, \"vector\": [1]}\u{0}",
    ])
  func lines(line: String) {
    #expect(failure(scratch.file("a.jsonl", text: line))?.code == .malformedFile)
  }

  @Test("attributes and payload are handed on as they stand, and other keys are refused with what may be there")
  func items() throws {
    let attributes = "{\"price\": 9.5, \"tags\": [\"a]\\\"}\", \"b\"], \"deep\": {\"x\": [1, {}]}}"
    let path = scratch.file(
      "a.jsonl",
      text: "{\"id\": 1, \"vector\": [1]}\n{\"payload\": \"a, b\", \"id\": 2, \"attributes\": \(attributes), \"vector\": [2]}\n"
        + "{\"id\": 3, \"vector\": [3], \"payload\": null}\n")
    let block = try #require(try openVectors(path: path).nextBlock())
    #expect(block.ids == [1, 2, 3])
    #expect(
      block.items == [
        RawItem(), RawItem(attributes: Array(attributes.utf8), payload: Array("\"a, b\"".utf8)),
        RawItem(payload: Array("null".utf8)),
      ])
    #expect(message("{\"id\": 1, \"vector\": [1], \"price\": 3}")?.contains("only id, vector, attributes and payload") == true)
  }

  @Test(
    "an item that is not whole is refused",
    arguments: [
      "\"attributes\": [1]", "\"attributes\": 1", "\"attributes\": {", "\"attributes\": {}, \"attributes\": {}",
      "\"payload\": ", "\"payload\": \"a", "\"payload\": [1, {\"a\": 2}", "\"payload\": 1, \"payload\": 2",
    ])
  func brokenItems(item: String) {
    #expect(failure(scratch.file("a.jsonl", text: "{\"id\": 1, \"vector\": [1], \(item)}"))?.code == .malformedFile)
  }

  @Test("a vector of another length is refused with its line")
  func lengths() {
    let told = message("{\"id\": 1, \"vector\": [1, 2]}\n{\"id\": 2, \"vector\": [1]}\n")
    #expect(told?.contains("line 2 has a vector of 1 values, the lines before have 2") == true)
  }

  @Test("a line over 1 MiB is refused without being held")
  func longLine() {
    let told = message("{\"id\": 1, \"vector\": [1]}\n" + String(repeating: " ", count: (1 << 20) + 1))
    #expect(told?.contains("line 2 is longer than 1048576 bytes") == true)
  }

  @Test("more values than a vector may have are refused")
  func tooWide() {
    let most = "{\"id\": 1, \"vector\": [" + Array(repeating: "1", count: 4096).joined(separator: ",")
    #expect(message(most + "]}") == nil)
    #expect(message(most + ",1]}")?.contains("more than 4096") == true)
  }

  @Test("an empty input has no rows")
  func empty() throws {
    #expect(try drain(scratch.file("a.jsonl", [])) == Drained(dimension: nil))
    #expect(try drain(scratch.file("b.jsonl", text: "\n  \n")) == Drained(dimension: nil))
  }

  @Test("many lines join to the whole over block and buffer borders")
  func many() throws {
    let rows = 30_000
    let rest = "4, 5, 6, 7, 8, 9, 1, 1, 1, 1, 1, 1, 1, 1]}"
    let text = (0..<rows).map { "{\"id\": \($0 * 3), \"vector\": [\($0), 0.5, -\($0), 1, 2, 3, \(rest)" }
    let all = try drain(scratch.file("a.jsonl", text: text.joined(separator: "\n")))
    #expect(all.ids == (0..<rows).map { UInt64($0 * 3) })
    #expect(all.values.count == rows * 20)
    #expect(all.values[20 * 29_999] == 29_999)
  }

  @Test("no random change of a line traps", arguments: 1...20)
  func randomChanges(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    let alphabet = Array("{}[]\":,0123456789.eE+-\\idvector \n\u{0}N".utf8)
    for _ in 0..<200 {
      var bytes = Array("{\"id\": 12, \"vector\": [0.5, -1e3, 7]}".utf8)
      for _ in 0..<Int.random(in: 1...5, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        default: bytes.remove(at: place)
        }
      }
      let error = failure(scratch.file("a.jsonl", bytes))
      #expect(error == nil || error?.code == .malformedFile, "seed \(seed)")
    }
  }
}
