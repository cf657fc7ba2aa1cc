import Testing
import VecCore
import VecStorage

/// The sections of attributes and payloads, which format version 3 added: packed bytes that are read by their places.
@Suite("Sections of items") struct ItemSectionTests {
  /// Text-like bytes, so that some blocks pack and the noise at the end does not.
  private static func content(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { place in
      place < count / 2 ? UInt8(97 + place / 7 % 11) : UInt8(truncatingIfNeeded: random.next())
    }
  }

  private static let stored = IndexSectionTests.Indexed(
    fixture: .random("items-ip-f16", seed: 22, rows: 9, dimension: 3, .ip, .f16),
    sections: [
      (.lists, IndexSectionTests.content(5, seed: 1)), (.attributes, content(Limits.blockBytes + 3, seed: 2)),
      (.payload, content(5 * Limits.payloadBlockBytes + 1, seed: 3)),
    ])

  private static let golden = IndexSectionTests.Indexed(
    fixture: .random("items-ip-f16", seed: 22, rows: 9, dimension: 3, .ip, .f16),
    sections: [(.attributes, content(70, seed: 4)), (.payload, content(Limits.payloadBlockBytes + 9, seed: 5))])

  private func open(_ bytes: [UInt8], _ scratch: ScratchDirectory) throws -> MappedSegment {
    let path = scratch.path + "/segment.vseg"
    Files.write(bytes, path)
    return try MappedSegment.open(path: path, expecting: nil)
  }

  @Test("are read whole and in any pieces, in any order, and are no sections of an index")
  func pieces() throws {
    let scratch = ScratchDirectory()
    let segment = try open(try Self.stored.fileBytes(), scratch)
    try segment.verify()
    #expect(segment.header.leastReaderVersion == 3)
    var random = SplitMix64(seed: 6)
    for (kind, content) in Self.stored.sections.dropFirst() {
      #expect(segment.indexSection(kind) == nil)
      let reader = try #require(segment.reader(of: kind))
      #expect(reader.byteCount == content.count)
      #expect(try reader.read([0..<content.count]) == [content])
      let ranges = (0..<60).map { _ -> Range<Int> in
        let start = Int.random(in: 0...content.count, using: &random)
        return start..<Int.random(in: start...min(content.count, start + 40_000), using: &random)
      }
      #expect(try reader.read(ranges) == ranges.map { Array(content[$0]) })
      #expect(throws: VecError.self) { try reader.read([0..<(content.count + 1)]) }
    }
    #expect(try open(try IndexSectionTests.golden.fileBytes(), scratch).reader(of: .payload) == nil)
  }

  @Test("a damaged block of payloads is found by who reads it, and leaves the others readable")
  func damagedBlock() throws {
    let scratch = ScratchDirectory()
    var bytes = try Self.stored.fileBytes()
    let sound = scratch.path + "/sound.vseg"
    Files.write(bytes, sound)
    let dump = try SegmentInspection.dump(path: sound)
    let payload = try #require(dump.sections.first { $0.kind == .payload })
    // The last block is one byte.
    bytes[payload.offset + payload.storedLength - 1] ^= 1
    let segment = try open(bytes, scratch)
    let reader = try #require(segment.reader(of: .payload))
    let end = reader.byteCount
    #expect(try reader.read([0..<(end - 1)])[0].count == end - 1)
    var refusal: VecErrorCode?
    do throws(VecError) { _ = try reader.read([3..<9, (end - 1)..<end]) } catch { refusal = error.code }
    #expect(refusal == .segmentDamaged)
    refusal = nil
    do throws(VecError) { try segment.verify() } catch { refusal = error.code }
    #expect(refusal == .segmentDamaged)
  }

  @Test("in a file that calls itself version 2 are damage, even with all checksums right")
  func versionTwo() throws {
    #expect(try Self.golden.refusal(asVersion: 2) == .segmentDamaged)
  }

  private static let withStringIDs = IndexSectionTests.Indexed(
    fixture: .random("string-ids-ip-f16", seed: 22, rows: 9, dimension: 3, .ip, .f16),
    sections: [(.payload, content(70, seed: 4)), (.stringIDs, content(200, seed: 7))])

  @Test("string ids make a file of version 4, and are used as they are in the mapping")
  func stringIDs() throws {
    let segment = try Self.withStringIDs.golden(version: 4)
    #expect(segment.header.leastReaderVersion == 4)
    let mapped = try #require(segment.stringIDs)
    #expect(Array(mapped) == Self.withStringIDs.sections[1].content && Int(bitPattern: mapped.baseAddress) % 64 == 0)
    #expect(try open(try Self.golden.fileBytes(), ScratchDirectory()).stringIDs == nil)
  }

  @Test("string ids in a file that calls itself version 3 are damage, even with all checksums right")
  func versionThree() throws {
    #expect(try Self.withStringIDs.refusal(asVersion: 3) == .segmentDamaged)
  }

  private static let withOrder = IndexSectionTests.Indexed(
    fixture: .random("value-order-ip-f16", seed: 22, rows: 9, dimension: 3, .ip, .f16),
    sections: [(.attributes, content(70, seed: 4)), (.valueOrder, content(120, seed: 9))])

  @Test("the order of values makes a file of version 5, and is used as it is in the mapping")
  func valueOrder() throws {
    let segment = try Self.withOrder.golden(version: 5)
    #expect(segment.header.leastReaderVersion == 5)
    let mapped = try #require(segment.valueOrder)
    #expect(Array(mapped) == Self.withOrder.sections[1].content && Int(bitPattern: mapped.baseAddress) % 64 == 0)
    #expect(try open(try Self.golden.fileBytes(), ScratchDirectory()).valueOrder == nil)
    #expect(try Self.withOrder.refusal(asVersion: 4) == .segmentDamaged)
  }

  @Test("any flipped bit of a file with them is found")
  func flippedBits() throws {
    try IndexSectionTests.Indexed(
      fixture: Self.golden.fixture,
      sections: [
        (.attributes, Self.content(70, seed: 4)), (.payload, Self.content(90, seed: 5)), (.stringIDs, Self.content(80, seed: 8)),
        (.valueOrder, Self.content(48, seed: 9)),
      ]
    ).expectEveryFlipFound()
  }

  @Test("the golden file of version 3 is what is written today, and is read as it was written")
  func goldenFile() throws {
    let segment = try Self.golden.golden(version: 3)
    for (kind, content) in Self.golden.sections {
      #expect(try segment.reader(of: kind)?.read([0..<content.count]) == [content], "\(kind.name)")
    }
  }
}
