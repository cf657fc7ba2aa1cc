import Foundation
import Testing
import VecAttributes
import VecCore
import VecTestSupport

@Suite("The section of string ids")
struct StringIDColumnTests {
  static func section(_ texts: [String]) -> [UInt8] {
    StringIDColumn.encodeHead(lengths: texts.map { UInt16($0.utf8.count) }) + texts.flatMap { Array($0.utf8) }
  }

  private static func texts(_ count: Int, _ generator: inout SplitMix64) -> [String] {
    (0..<count).map { "\($0)" + String(repeating: "é", count: Int.random(in: 0...100, using: &generator)) }
  }

  private static func read<T>(
    _ bytes: [UInt8], rows: Int, _ body: (StringIDColumn) throws -> T
  ) throws -> T {
    try bytes.withUnsafeBytes { try body(try StringIDColumn(decoding: $0, rowCount: rows)) }
  }

  @Test("texts come back by their rows, for every number of rows around the groups of 64", arguments: [Seed(51)])
  func roundTrip(seed: Seed) throws {
    var generator = SplitMix64(seed: seed.value)
    for count in [1, 2, 63, 64, 65, 127, 128, 129, 1_000] {
      let texts = Self.texts(count, &generator)
      try Self.read(Self.section(texts), rows: count) { column in
        #expect((0..<count).map { column[$0].text } == texts)
        try column.check(texts.map { StringID.id(of: $0) })
        #expect(throws: VecError.self) { try column.check(texts.map { StringID.id(of: $0) ^ 1 }) }
      }
    }
  }

  @Test("every cut is refused; of 20,000 damages those that are read lead to texts within the section", arguments: [Seed(52)])
  func damage(seed: Seed) throws {
    var generator = SplitMix64(seed: seed.value)
    let texts = Self.texts(70, &generator)
    let bytes = Self.section(texts)
    for length in bytes.indices {
      let error = #expect(throws: VecError.self) { try Self.read(Array(bytes[..<length]), rows: 70) { _ in } }
      #expect(error?.code == .segmentDamaged)
    }
    for _ in 0..<20_000 {
      var damaged = bytes
      for _ in 0...Int.random(in: 0...2, using: &generator) {
        damaged[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
      }
      do {
        try Self.read(damaged, rows: 70) { column in
          let ids = (0..<70).map { StringID.id(ofBytes: column.bytes(of: $0)) }
          try column.check(ids)
          if damaged != bytes { #expect(throws: VecError.self) { try column.check(texts.map { StringID.id(of: $0) }) } }
        }
      } catch let error as VecError {
        #expect([.segmentDamaged, .unsupportedFormat].contains(error.code) && !error.message.contains("\n"))
      }
    }
  }

  @Test("is what the golden file has, and reads it")
  func golden() throws {
    let pairs = try Golden.table("string-ids/v1/texts.tsv")
    let bytes = Array(try Data(contentsOf: Golden.folder.appendingPathComponent("string-ids/v1/section.bin")))
    let texts = pairs.map { $0[0] }
    for pair in pairs { #expect(StringID.id(of: pair[0]) == UInt64(pair[1])) }
    #expect(Self.section(texts) == bytes)
    try Self.read(bytes, rows: texts.count) { column in
      #expect((0..<texts.count).map { column[$0].text } == texts)
    }
  }
}
