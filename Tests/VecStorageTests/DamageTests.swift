import Testing
import VecCore
import VecStorage

/// Nothing that happens to a file passes for the file.
@Suite("Damaged segments")
struct DamageTests {
  /// Nil when the damage went unnoticed; else whether the error is one line that names the file.
  static func detects(_ path: String, expecting: SegmentIdentity? = nil) -> VecError? {
    do throws(VecError) {
      try MappedSegment.open(path: path, expecting: expecting).verify()
      return nil
    } catch {
      return error
    }
  }

  static func isClear(_ error: VecError, _ path: String) -> Bool {
    error.message.hasPrefix(path) && !error.message.contains("\n")
      && (error.code == .segmentDamaged || error.code == .unsupportedFormat)
  }

  @Test("every flipped bit is noticed, and the error names the file", arguments: SegmentFixture.small)
  func everyBit(_ fixture: SegmentFixture) throws {
    let scratch = ScratchDirectory()
    let bytes = try fixture.fileBytes()
    let file = DamagedFile(bytes, scratch.path + "/flipped.vseg")
    try #require(Self.detects(file.path) == nil)
    var missed: [Int] = []
    for bit in 0..<(bytes.count * 8) {
      file.put([bytes[bit / 8] ^ (1 << (bit % 8))], at: bit / 8)
      let error = Self.detects(file.path)
      if error.map({ Self.isClear($0, file.path) && $0.code == .segmentDamaged }) != true { missed.append(bit) }
      file.put([bytes[bit / 8]], at: bit / 8)
    }
    #expect(missed.isEmpty, "bits of \(bytes.count) bytes")
    #expect(Self.detects(file.path) == nil)
  }

  @Test("every shorter file is refused, and so is a longer one", arguments: SegmentFixture.small)
  func everyLength(_ fixture: SegmentFixture) throws {
    let scratch = ScratchDirectory()
    let bytes = try fixture.fileBytes()
    let file = DamagedFile(bytes, scratch.path + "/cut.vseg")
    for length in (0..<bytes.count).reversed() {
      file.truncate(to: length)
      let error = try #require(Self.detects(file.path), "\(length) of \(bytes.count) bytes")
      #expect(Self.isClear(error, file.path))
    }
    for more in [1, 8, 63, 64, 128, 4096] {
      file.restore()
      file.truncate(to: bytes.count + more)
      #expect(Self.detects(file.path) != nil)
      file.put(Array(bytes.suffix(more)), at: bytes.count)
      #expect(Self.detects(file.path) != nil)
    }
  }

  @Test("blocks that changed places, within a file or between files, are noticed")
  func swappedBlocks() throws {
    let scratch = ScratchDirectory()
    let one = SegmentFixture.random("one", seed: 21, rows: 3_300, dimension: 64, .cosine, .f32)
    let two = SegmentFixture.random("two", seed: 22, rows: 3_300, dimension: 64, .cosine, .f32)
    let bytes = try one.fileBytes()
    let other = try two.fileBytes()
    let file = DamagedFile(bytes, scratch.path + "/swapped.vseg")
    let dump = try SegmentInspection.dump(path: file.path)
    let vectors = try #require(dump.sections.first { $0.kind == .vectors })
    try #require(vectors.blockCount == 4)
    let block = Limits.blockBytes
    for first in 0..<3 {
      for second in (first + 1)..<3 {
        let (a, b) = (vectors.offset + first * block, vectors.offset + second * block)
        file.put(Array(bytes[b..<(b + block)]), at: a)
        file.put(Array(bytes[a..<(a + block)]), at: b)
        #expect(Self.detects(file.path)?.message.contains("section vectors, block \(first)") == true)
        file.restore()
      }
    }
    for section in dump.sections where section.kind != .ids {
      let range = section.offset..<(section.offset + min(block, section.storedLength))
      file.put(Array(other[range]), at: section.offset)
      #expect(Self.detects(file.path)?.message.contains("section \(section.kind.name), block 0") == true)
      file.restore()
    }
  }

  @Test("another sound file in the place of the expected one is noticed")
  func otherFile() throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    let expected = try SegmentFixture.l2.write(to: store)
    let path = store.segmentPath(SegmentFixture.l2.header.uuid)
    #expect(Self.detects(path, expecting: expected) == nil)
    // The same uuid, length and rows, but written for another generation: only the root tells.
    var stale = SegmentFixture.l2
    stale.header.generationNumber += 1
    for bytes in [try stale.fileBytes(), try SegmentFixture.cosine.fileBytes()] {
      ScratchDirectory.remove(path)
      Files.write(bytes, path)
      let error = try #require(Self.detects(path, expecting: expected))
      #expect(error.code == .segmentDamaged && error.message.contains("another file"))
    }
    // Without a manifest the name still tells the second one.
    #expect(Self.detects(path)?.message.contains("not the one of its name") == true)
    ScratchDirectory.remove(path)
    #expect(Self.detects(path, expecting: expected)?.message.contains("missing") == true)
  }

  @Test("all damaged blocks are found, not only the first")
  func allFindings() throws {
    let scratch = ScratchDirectory()
    let bytes = try SegmentFixture.random("f", seed: 41, rows: 2_000, dimension: 100, .ip, .f32).fileBytes()
    let file = DamagedFile(bytes, scratch.path + "/findings.vseg")
    #expect(SegmentInspection.findings(path: file.path).findings.isEmpty)
    let dump = try SegmentInspection.dump(path: file.path)
    for section in dump.sections {
      for number in 0..<section.blockCount where section.kind == .vectors || number == 0 {
        let place = section.offset + number * Limits.blockBytes
        file.put([bytes[place] ^ 1], at: place)
      }
    }
    var seen = 0
    let report = SegmentInspection.findings(path: file.path, collection: "c") { seen += $0 }
    let blocks = dump.sections.reduce(0) { $0 + ($1.kind == .vectors ? $1.blockCount : 1) }
    #expect(report.findings.count == blocks)
    #expect(report.findings.allSatisfy { $0.file == file.path && $0.collection == "c" })
    #expect(report.byteCount == UInt64(bytes.count) && seen == bytes.count)
  }
}
