import Foundation
import Testing
import VecCore
import VecTestSupport

@Suite("Records of attributes")
struct RecordTests {
  static let definitions = [
    AttributeDefinition(name: "n", type: .int), AttributeDefinition(name: "x", type: .float),
    AttributeDefinition(name: "live", type: .bool), AttributeDefinition(name: "brand", type: .keyword),
    AttributeDefinition(name: "tags", type: .keywords), AttributeDefinition(name: "late", type: .int),
  ]

  static func record(_ values: [String: Any], payload: [UInt8]) throws -> AttributeRecord {
    var record = AttributeRecord(payload: payload)
    for (position, definition) in definitions.enumerated() {
      guard let value = values[definition.name] else { continue }
      let number = value as? NSNumber ?? 0
      switch definition.type {
      case .int: record[position] = .int(number.int64Value)
      case .float: record[position] = .float(number.doubleValue)
      case .bool: record[position] = .bool(number.boolValue)
      case .keyword: record[position] = .keyword(Keyword(value as? String ?? ""))
      case .keywords: record[position] = .set((value as? [String] ?? []).map { Keyword($0) })
      }
    }
    return record
  }

  static func read(_ bytes: [UInt8]) throws(VecError) -> AttributeRecord {
    try bytes.withUnsafeBufferPointer { (buffer) throws(VecError) in
      var reader = ByteReader(UnsafeRawBufferPointer(buffer), code: .malformedFrame, context: "record")
      let record = try AttributeRecord.read(&reader)
      try reader.finish()
      return record
    }
  }

  @Test("every line of the golden file, which the Python client is held to as well")
  func golden() throws {
    let lines = try Golden.table("attributes/v1/records.tsv")
    #expect(lines.count == 25)
    for cells in lines {
      let values = try #require(try JSONSerialization.jsonObject(with: Data(cells[0].utf8)) as? [String: Any])
      let record = try Self.record(values, payload: Golden.bytes(hex: cells[1]))
      try record.check(Self.definitions)
      #expect(Golden.hex(record.encode()) == cells[2], "\(cells[0])")
      #expect(try Self.read(Golden.bytes(hex: cells[2])) == record, "\(cells[0])")
    }
  }

  @Test("random records come back; every cut is refused; 20,000 damages are refused or are other records", arguments: [Seed(41)])
  func damage(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<200 {
      let definitions = cases.definitions()
      let record = cases.records(definitions, count: 1)[0]
      try record.check(definitions)
      let bytes = record.encode()
      #expect(try Self.read(bytes) == record)
      for length in bytes.indices { #expect((try? Self.read(Array(bytes[..<length]))) == nil) }
      for _ in 0..<100 {
        var damaged = bytes
        for _ in 0...cases.below(3) { damaged[cases.below(damaged.count)] = UInt8(truncatingIfNeeded: cases.generator.next()) }
        do throws(VecError) {
          #expect(try Self.read(damaged).encode() == damaged, "\(seed)")
        } catch {
          #expect(error.code == .malformedFrame && !error.message.contains("\n"))
        }
      }
    }
  }

  @Test("a record that its collection cannot have names the attribute and what would be right")
  func check() {
    let wrong: [(AttributeRecord, VecErrorCode, String)] = [
      (AttributeRecord([(6, .int(1))]), .invalidArgument, "there is no attribute at position 6, the collection has 6"),
      (AttributeRecord([(-1, .int(1))]), .invalidArgument, "there is no attribute at position -1, the collection has 6"),
      (AttributeRecord([(0, .float(1))]), .invalidArgument, #"attribute "n" is int, its value is float"#),
      (AttributeRecord([(1, .float(.infinity))]), .invalidArgument, #"attribute "x": its value is inf, must be finite"#),
      (
        AttributeRecord([(3, .keyword(Keyword(String(repeating: "x", count: 257))))]), .invalidArgument,
        #"attribute "brand": its value has a keyword of 257 bytes, at most 256 may be"#
      ),
      (
        AttributeRecord([(4, .keywords(["b", "a"]))]), .invalidArgument,
        #"attribute "tags": its value has keywords that do not ascend by their bytes"#
      ),
      (
        AttributeRecord([(4, .set((0..<65).map { Keyword("\($0)") }))]), .invalidArgument,
        #"attribute "tags": its value has 65 keywords, at most 64 may be"#
      ),
      (
        AttributeRecord(payload: [UInt8](repeating: 0, count: 65_537)), .limitExceeded,
        "the bytes of a payload is 65537, must be 0 to 65536"
      ),
    ]
    for (record, code, message) in wrong {
      #expect(throws: VecError(code, message)) { try record.check(Self.definitions) }
    }
  }

  @Test("names of attributes, and how many a collection may have")
  func names() throws {
    for name in ["a", "_", "a1", "price_usd", String(repeating: "x", count: 64)] { try Names.checkAttribute(name) }
    for name in ["", "1a", "A", "a-b", "a.b", "é", "and", "exists", "null", String(repeating: "x", count: 65)] {
      #expect(throws: VecError.self) { try Names.checkAttribute(name) }
    }
    let many = (0..<64).map { AttributeDefinition(name: "a\($0)", type: .int) }
    try AttributeDefinition.check(many)
    #expect(throws: VecError.self) { try AttributeDefinition.check(many + [AttributeDefinition(name: "b", type: .int)]) }
    #expect(throws: VecError(.invalidArgument, #"attribute "a0" is defined twice"#)) {
      try AttributeDefinition.check([many[0], many[1], many[0]])
    }
  }

  @Test("keywords are equal by their bytes, not by what they look like")
  func keywords() {
    #expect(Keyword("é") != Keyword("e\u{301}") && "é" == "e\u{301}")
    #expect(Set([Keyword("é"), Keyword("e\u{301}"), Keyword("é")]).count == 2)
    #expect(Keyword("z") < Keyword("é") && Keyword("\u{FFFF}") < Keyword("\u{1F600}"))
  }
}
