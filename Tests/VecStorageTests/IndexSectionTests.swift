import Testing
import VecCore
import VecStorage

/// Sections of indexes, which format version 2 added: bytes with checksums, in their place, and nothing without them.
@Suite("Index sections")
struct IndexSectionTests {
  /// The rows of a fixture, and after them some index sections of known content.
  struct Indexed {
    var fixture: SegmentFixture
    var sections: [(kind: SectionKind, content: [UInt8])]

    func write(to store: StoreDirectory) throws -> SegmentIdentity {
      let writer = try SegmentWriter(directory: store, header: fixture.header)
      try fixture.fill(writer)
      for (kind, content) in sections {
        try writer.writeSection(kind) { (append) throws(VecError) in try content.passed(to: append) }
      }
      return try writer.publish()
    }

    func expectEveryFlipFound() throws {
      let scratch = ScratchDirectory()
      let sound = try fileBytes()
      let path = scratch.path + "/flipped.vseg"
      for bit in 0..<(sound.count * 8) {
        var bytes = sound
        bytes[bit / 8] ^= 1 << (bit % 8)
        Files.write(bytes, path)
        #expect(!SegmentInspection.findings(path: path).findings.isEmpty, "bit \(bit)")
      }
    }

    /// What becomes of the file when it calls itself one of an older version, with all checksums right.
    func refusal(asVersion version: UInt16) throws -> VecErrorCode? {
      let scratch = ScratchDirectory()
      var forge = SegmentForge(bytes: try fileBytes())
      forge.set(version, at: 10)
      forge.seal()
      let path = scratch.path + "/forged.vseg"
      Files.write(forge.bytes, path)
      do throws(VecError) { _ = try MappedSegment.open(path: path, expecting: nil) } catch { return error.code }
      return nil
    }

    /// The golden file of these sections, which is what is written today, opened and verified.
    func golden(version: Int) throws -> MappedSegment {
      let path = GoldenTests.folder(version: version) + "/\(fixture.name).vseg"
      let written = try fileBytes()
      GoldenTests.keep(written, at: path)
      let kept = try #require(Files.read(path), "golden file \(path) is missing; VECD_WRITE_GOLDEN=1 writes it")
      #expect(kept == written || SegmentWriter.packerVersion != 10_904)
      let segment = try MappedSegment.open(path: path, expecting: nil)
      try segment.verify()
      return segment
    }

    func fileBytes() throws -> [UInt8] {
      let scratch = ScratchDirectory()
      let store = try StoreDirectory(path: scratch.path, create: true)
      _ = try write(to: store)
      return try #require(Files.read(store.segmentPath(fixture.header.uuid)))
    }
  }

  static func content(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// Each kind once, of lengths around a block.
  static let all: Indexed = {
    let lengths = [1, Limits.blockBytes, 2 * Limits.blockBytes + 1]
    let kinds = SectionKind.allCases.filter(\.isOfIndex)
    return Indexed(
      fixture: .cosine,
      sections: zip(kinds, lengths).map { ($0, content($1, seed: UInt64($0.rawValue))) })
  }()

  static let golden = Indexed(
    fixture: .random("indexed-l2-f32", seed: 21, rows: 17, dimension: 3, .l2, .f32),
    sections: [(.lists, content(51, seed: 1)), (.calibration, content(9, seed: 3))])

  @Test("index sections come back as they were written, 64-byte aligned, in a file of version 2")
  func roundTrip() throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try Self.all.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(Self.all.fixture.header.uuid), expecting: identity)
    try segment.verify()
    #expect(segment.header.leastReaderVersion == 2)
    #expect(Self.all.sections.count == 3)
    for (kind, content) in Self.all.sections {
      let bytes = try #require(segment.indexSection(kind))
      #expect(bytes.elementsEqual(content), "\(kind.name)")
      #expect(UInt(bitPattern: bytes.baseAddress) % 64 == 0)
    }
  }

  @Test("a segment without index sections is version 1, and has none to show")
  func withoutIndex() throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    try SegmentFixture.cosine.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(SegmentFixture.cosine.header.uuid), expecting: nil)
    #expect(segment.header.leastReaderVersion == 1)
    for kind in SectionKind.allCases { #expect(segment.indexSection(kind) == nil) }
  }

  @Test("sections out of order, twice, or before those of the rows are a defect and leave no file")
  func outOfOrder() throws {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    let orders: [[SectionKind]] = [[.graph, .lists], [.lists, .lists]]
    for kinds in orders {
      let writer = try SegmentWriter(directory: store, header: SegmentFixture.tiny.header)
      try SegmentFixture.tiny.fill(writer)
      #expect(throws: VecError.self) {
        for kind in kinds { try writer.writeSection(kind) { (append) throws(VecError) in try [1].passed(to: append) } }
      }
      writer.abandon()
    }
    let early = try SegmentWriter(directory: store, header: SegmentFixture.tiny.header)
    try early.writeSection(.lists) { (append) throws(VecError) in try [1].passed(to: append) }
    #expect(throws: VecError.self) { try SegmentFixture.tiny.fill(early) }
    early.abandon()
    #expect(!Files.exists(store.segmentPath(SegmentFixture.tiny.header.uuid)))
  }

  @Test("index sections in a file that calls itself version 1 are damage, even with all checksums right")
  func versionOne() throws {
    #expect(try Self.golden.refusal(asVersion: 1) == .segmentDamaged)
  }

  @Test("any flipped bit of a file with index sections is found")
  func flippedBits() throws {
    try Self.golden.expectEveryFlipFound()
  }

  @Test("the golden file of version 2 is what is written today, and is read as it was written")
  func goldenFile() throws {
    let segment = try Self.golden.golden(version: 2)
    for (kind, content) in Self.golden.sections {
      #expect(segment.indexSection(kind).map { Array($0) } == content, "\(kind.name)")
    }
  }
}
