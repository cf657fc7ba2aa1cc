import Testing
import VecCore

@Suite("String ids")
struct StringIDTests {
  @Test("the hash of a text is that of Formats/string-ids.md, and fits an int64")
  func hash() {
    #expect(StringID.id(of: "a") == 7_577_133_169_179_506_477)
    for text in ["sku-17", "é", String(repeating: "x", count: 256)] { #expect(StringID.id(of: text) < 1 << 63) }
    // One text in two normal forms is two: only bytes count.
    #expect(StringID.id(of: "\u{E9}") != StringID.id(of: "e\u{301}"))
  }

  @Test(
    "a text that is none is refused with what would be right",
    arguments: [
      ("", "has 0 bytes, must have 1 to 256"), (String(repeating: "é", count: 129), "has 258 bytes, must have 1 to 256"),
      ("a\nb", "has the control character 10"), ("\u{7F}", "has the control character 127"),
      ("\0", "has the control character 0"),
    ])
  func defects(text: String, what: String) {
    let error = #expect(throws: VecError.self) { try StringID.check(text) }
    #expect(error?.code == .invalidArgument && error?.message.contains(what) == true)
  }

  @Test("a row must come with the text whose hash its id is, in collections with string ids and only there")
  func rows() throws {
    let id = StringID.id(of: "sku-17")
    try AttributeRecord(stringID: "sku-17").check(id: id, .string)
    try AttributeRecord().check(id: 5, .number)
    for (record, id, kind, what) in [
      (AttributeRecord(), id, IDKind.string, "without its string id"),
      (AttributeRecord(stringID: "sku-17"), id, .number, "known by numbers"),
      (AttributeRecord(stringID: "sku-17"), 17, .string, "whose hash is \(id)"),
    ] {
      let error = #expect(throws: VecError.self) { try record.check(id: id, kind) }
      #expect(error?.code == .invalidArgument && error?.message.contains(what) == true)
    }
  }
}
