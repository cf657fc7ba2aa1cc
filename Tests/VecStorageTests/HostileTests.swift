import Glibc
import Testing
import VecCore
import VecStorage

/// Files whose checksums are all right and whose content is not.
@Suite("Forged segments")
struct HostileTests {
  /// What open and verify say of the forged bytes.
  static func answer(_ forge: SegmentForge, _ scratch: ScratchDirectory) -> VecError? {
    let path = scratch.path + "/forged.vseg"
    Files.write(forge.bytes, path)
    return DamageTests.detects(path)
  }

  @Test("the forge itself makes sound files")
  func forgeIsSound() throws {
    for fixture in SegmentFixture.small {
      let bytes = try fixture.fileBytes()
      var forge = SegmentForge(bytes: bytes)
      forge.sealBlocks()
      forge.seal()
      #expect(forge.bytes == bytes)
    }
  }

  @Test("a newer version and an unknown feature are unsupported, not damaged, and a newer writer alone is read")
  func versions() throws {
    let scratch = ScratchDirectory()
    let sound = SegmentForge(bytes: try SegmentFixture.tiny.fileBytes())
    func answer(_ change: (inout SegmentForge) -> Void) -> VecErrorCode? {
      var forge = sound
      change(&forge)
      forge.seal()
      return Self.answer(forge, scratch)?.code
    }
    #expect(answer { $0.set(6 as UInt16, at: 10); $0.set(6 as UInt16, at: 8) } == .unsupportedFormat)
    #expect(answer { $0.set(UInt16.max, at: 10) } == .unsupportedFormat)
    for bit in 0..<32 { #expect(answer { $0.set(UInt32(1) << UInt32(bit), at: 12) } == .unsupportedFormat) }
    #expect(answer { $0.set(12 as UInt32, at: $0.entry(2, 0)) } == .unsupportedFormat)
    #expect(answer { $0.set(6 as UInt16, at: 8) } == nil)
    #expect(answer { $0.set(0 as UInt16, at: 10) } == .segmentDamaged)
    #expect(answer { $0.set(0 as UInt16, at: 8) } == .segmentDamaged)
  }

  /// Offset and width of every number of the header.
  static let headerFields = [(32, 4), (36, 1), (37, 1), (38, 2), (40, 8), (64, 4), (68, 4), (72, 8), (104, 8), (116, 8)]

  @Test("no number in header, directory or trailer is believed", arguments: SegmentFixture.small)
  func hugeNumbers(_ fixture: SegmentFixture) throws {
    let scratch = ScratchDirectory()
    let sound = SegmentForge(bytes: try fixture.fileBytes())
    let values: [UInt64] = [
      0, 1, 3, 255, 4_097, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 47, 1 << 48, (1 << 48) + 1, 1 << 62,
      (1 << 63) - 1, 1 << 63, .max - 63, .max,
    ]
    var fields = Self.headerFields
    for index in 0..<sound.sectionCount { fields += (0..<6).map { (sound.entry(index, $0 * 8), 8) } }
    for index in 0..<sound.sectionCount { fields += [(sound.directoryOffset + 48 * sound.sectionCount + 8 * index, 4)] }
    fields += [0, 8, 16].map { (sound.trailerOffset + $0, 8) } + [(sound.trailerOffset + 40, 4)]
    for (offset, width) in fields {
      for value in values {
        var forge = sound
        for index in 0..<width { forge.bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
        if forge.bytes == sound.bytes { continue }
        forge.seal()
        let error = Self.answer(forge, scratch)
        // Another metric or element type of the same shape, other bounds of norms and another writer can be sound.
        let isFree = [36, 37, 64, 68, 72].contains(offset)
        #expect(error != nil || isFree, "offset \(offset), value \(value)")
      }
    }
  }

  @Test("a sparse file of a terabyte with huge counts is refused without memory or time")
  func sparse() throws {
    let scratch = ScratchDirectory()
    var forge = SegmentForge(bytes: try SegmentFixture.tiny.fileBytes())
    forge.set(UInt64(UInt32.max), at: 40)
    forge.set(4_096 as UInt32, at: 32)
    forge.seal()
    let path = scratch.path + "/sparse.vseg"
    let size = 1 << 40
    Files.write(Array(forge.bytes[..<128]), path)
    guard truncate(path, off_t(size)) == 0 else { return }
    var tail = SegmentForge(bytes: Array(forge.bytes.suffix(64)))
    tail.bytes = Array(repeating: 0, count: 128) + tail.bytes
    tail.bytes.replaceSubrange(..<128, with: forge.bytes[..<128])
    tail.set(128 as UInt64, at: 128)
    tail.set(UInt64(size - 192), at: 136)
    tail.set(UInt64(size), at: 144)
    tail.sealTail()
    let descriptor = open(path, O_WRONLY)
    _ = pwrite(descriptor, Array(tail.bytes[128...]), 64, off_t(size - 64))
    close(descriptor)
    #expect(DamageTests.detects(path)?.message.contains("do not fit") == true)
  }

  @Test("content that breaks the meaning is refused although every checksum is right")
  func meaning() throws {
    let scratch = ScratchDirectory()
    let tiny = SegmentForge(bytes: try SegmentFixture.tiny.fileBytes())
    func answer(_ sound: SegmentForge, _ index: Int, _ content: [UInt8]) -> String {
      var forge = sound
      forge.setContent(index, content)
      forge.sealBlocks()
      forge.seal()
      return Self.answer(forge, scratch)?.message ?? "sound"
    }
    func words(_ values: [UInt32]) -> [UInt8] {
      var out = ByteWriter()
      out.write(array: values)
      return out.bytes
    }
    #expect(answer(tiny, 2, words([1, 0])) == "sound")
    #expect(answer(tiny, 2, words([0, 1])).contains("comes after"))
    #expect(answer(tiny, 2, words([1, 1])).contains("comes after"))
    #expect(answer(tiny, 2, words([1, 2])).contains("row 2 of 2"))
    #expect(answer(tiny, 2, words([1, .max])).contains("row 4294967295"))
    #expect(answer(tiny, 0, [14, 0]).contains("comes after"))
    #expect(answer(tiny, 0, [0x8E, 0]).contains("shortest form"))
    #expect(answer(tiny, 0, [0x8E, 1]).contains("missing"))
    for bad in [Float.nan, .infinity, -.infinity] {
      #expect(answer(tiny, 1, words([bad.bitPattern, 0, 0, 0])).contains("not finite"))
    }
    let cosine = SegmentForge(bytes: try SegmentFixture.cosine.fileBytes())
    for bad in [Float.nan, .infinity, 0, -1] {
      #expect(answer(cosine, 3, words([bad.bitPattern])).contains("positive finite"))
    }
    #expect(answer(cosine, 1, [0, 0x7C]).contains("not finite"))
    #expect(answer(SegmentForge(bytes: try SegmentFixture.l2.fileBytes()), 1, [0x80, 0xFF]).contains("not finite"))
  }

  @Test("an LZ4 block of any bytes is unpacked to its exact length or refused", arguments: [9] as [UInt64])
  func packedBlocks(seed: UInt64) throws {
    let scratch = ScratchDirectory()
    let fixture = SegmentFixture(
      "packed", uuid: UUID(high: 4, low: 4), dimension: 1, .ip, .f32, ids: Array(1...500),
      values: [Float](repeating: 1, count: 500))
    let sound = SegmentForge(bytes: try fixture.fileBytes())
    let length = Int(sound.get(UInt64.self, at: sound.entry(0, 16)))
    let offset = Int(sound.get(UInt64.self, at: sound.entry(0, 8)))
    try #require(length < 100)
    var random = SplitMix64(seed: seed)
    for _ in 0..<3_000 {
      var content = Array(sound.bytes[offset..<(offset + length)])
      for _ in 0...(random.next() % 3) {
        content[Int(random.next() % UInt64(length))] = UInt8(truncatingIfNeeded: random.next())
      }
      var forge = sound
      forge.setContent(0, content)
      if forge.bytes == sound.bytes { continue }
      forge.sealBlocks()
      forge.seal()
      // Other ids can be just as sound, so only the absence of a trap and the form of the error are promised.
      if let error = Self.answer(forge, scratch) { #expect(error.code == .segmentDamaged) }
    }
  }
}
