import Testing
import VecCore

@Suite("Records with string ids")
struct StringIDRecordTests {
  @Test("records come back with their string id, with values and payload beside it and without")
  func records() throws {
    for record in [
      AttributeRecord(stringID: "sku-17"), AttributeRecord([(3, .keyword("é"))], payload: [0, 255], stringID: "🛒/17"),
      AttributeRecord(payload: [7], stringID: Keyword(String(repeating: "k", count: 256))),
    ] {
      let bytes = record.encode()
      #expect(bytes.count == record.byteCount && bytes[0] & 0x80 != 0)
      #expect(try RecordTests.read(bytes) == record)
      #expect(record.only(.stringID) == AttributeRecord(stringID: record.stringID))
      #expect(record.only([.attributes, .payload]).stringID == nil)
      for length in bytes.indices { #expect((try? RecordTests.read(Array(bytes[..<length]))) == nil) }
    }
  }

  @Test("a record whose string id is empty, too long, or has a control character is malformed")
  func malformedRecords() {
    func record(_ text: [UInt8]) -> [UInt8] {
      [0x80, UInt8(text.count & 255), UInt8(text.count >> 8)] + text + [0, 0, 0, 0]
    }
    for text in [[], [UInt8](repeating: 97, count: 257), [97, 0], [0xC3]] {
      let error = #expect(throws: VecError.self) { try RecordTests.read(record(text)) }
      #expect(error?.code == .malformedFrame)
    }
  }
}
