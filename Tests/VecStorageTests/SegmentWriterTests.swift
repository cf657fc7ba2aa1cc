import Glibc
import Testing
import VecCore
import VecStorage

@Suite("Writing and publishing a segment")
struct SegmentWriterTests {
  let scratch = ScratchDirectory()

  static func code(_ body: () throws -> Void) -> VecErrorCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? VecError)?.code
    }
  }

  func names(_ store: StoreDirectory) -> [String] {
    let path = store.path + "/segments"
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var out: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { out.append(name) }
    }
    return out.sorted()
  }

  @Test("a published segment is read-only, alone, and what its identity says")
  func publish() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let fixture = SegmentFixture.cosine
    let identity = try fixture.write(to: store)
    let path = store.segmentPath(fixture.header.uuid)
    #expect(names(store) == ["\(fixture.header.uuid).vseg"])
    #expect(Files.mode(path) == 0o444)
    #expect(Files.read(path)?.count == Int(identity.byteCount))
    let segment = try MappedSegment.open(path: path, expecting: identity)
    #expect(segment.identity == identity && segment.header == fixture.header)
    #expect(Int(bitPattern: segment.vectors.baseAddress) % 64 == 0)
    #expect(Int(bitPattern: segment.idOrder.baseAddress) % 64 == 0)
  }

  @Test("publish never replaces a file")
  func noReplace() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let first = try SegmentFixture.l2.write(to: store)
    #expect(Self.code { try SegmentFixture.l2.write(to: store) } == .cannotCreate)
    #expect(names(store).count == 1)
    let path = store.segmentPath(first.uuid)
    #expect(DamageTests.detects(path, expecting: first) == nil)
    Files.write([1, 2, 3], store.segmentPath(SegmentFixture.tiny.header.uuid))
    #expect(Self.code { try SegmentFixture.tiny.write(to: store) } == .cannotCreate)
    #expect(Files.read(store.segmentPath(SegmentFixture.tiny.header.uuid)) == [1, 2, 3])
  }

  @Test("a writer that is let go or abandoned leaves nothing")
  func abandoned() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    do {
      let writer = try SegmentWriter(directory: store, header: SegmentFixture.l2.header)
      try SegmentFixture.l2.fill(writer)
      #expect(names(store) == [".tmp-\(SegmentFixture.l2.header.uuid)"])
      writer.abandon()
      #expect(names(store).isEmpty)
      #expect(Self.code { _ = try writer.publish() } == .internalDefect)
    }
    do {
      let writer = try SegmentWriter(directory: store, header: SegmentFixture.l2.header)
      try writer.writeIDs(SegmentFixture.l2.ids)
    }
    #expect(names(store).isEmpty)
  }

  @Test("an id that comes twice is refused with its rows, and nothing is left")
  func duplicate() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    var fixture = SegmentFixture.l2
    fixture.ids[31] = fixture.ids[4]
    do throws(VecError) {
      let writer = try SegmentWriter(directory: store, header: fixture.header)
      try writer.writeIDs(fixture.ids)
      try fixture.vectors.passed { (raw) throws(VecError) in try writer.writeVectors(raw) }
      try writer.writeIDOrder(of: fixture.ids)
      Issue.record("a duplicate was accepted")
    } catch {
      #expect(error.code == .duplicateId)
      #expect(error.message.contains("id \(fixture.ids[4]) stands in row 4 and in row 31"))
    }
    #expect(names(store).isEmpty)
  }

  @Test("sections out of order, missing, foreign or of a wrong length are refused")
  func misuse() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let fixture = SegmentFixture.l2
    func code(_ steps: (SegmentWriter) throws -> Void) -> VecErrorCode? {
      Self.code {
        let writer = try SegmentWriter(directory: store, header: fixture.header)
        try steps(writer)
        _ = try writer.publish()
      }
    }
    #expect(code { _ in } == .internalDefect)
    #expect(code { try $0.writeIDs(fixture.ids) } == .internalDefect)
    #expect(code { try $0.writeIDOrder(of: fixture.ids); try $0.writeIDs(fixture.ids) } == .internalDefect)
    #expect(code { try $0.writeIDs(fixture.ids); try $0.writeIDs(fixture.ids) } == .internalDefect)
    #expect(code { try fixture.fill($0); try $0.writeInverseNorms([1]) } == .internalDefect)
    #expect(code { try $0.writeIDOrder(of: Array(fixture.ids.dropLast())) } == .internalDefect)
    #expect(code { try $0.writeIDs(Array(fixture.ids.dropLast())); try $0.writeIDOrder(of: fixture.ids) } != nil)
    #expect(code { try fixture.fill($0) } == nil)
  }

  @Test("what is not sound is not published: ids and their order must agree, components must be finite")
  func verifiedBeforePublish() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let fixture = SegmentFixture.tiny
    for (ids, value) in [([5, 7] as [UInt64], Float(1)), ([7, 5], .nan), ([7, 5], .infinity)] {
      let code = Self.code {
        let writer = try SegmentWriter(directory: store, header: fixture.header)
        try writer.writeIDs(ids)
        try [1, 2, value, 4].passed { (raw) throws(VecError) in try writer.writeVectors(raw) }
        try writer.writeIDOrder(of: [7, 5])
        _ = try writer.publish()
      }
      #expect(code == .segmentDamaged)
      #expect(names(store).isEmpty)
    }
  }

  @Test("headers outside the format's ranges are refused")
  func headers() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let changes: [(inout SegmentHeader) -> Void] = [
      { $0.dimension = 0 }, { $0.dimension = 4_097 }, { $0.rowCount = 0 }, { $0.rowCount = 1 << 32 },
      { $0.greatestNorm = .nan }, { $0.leastNorm = .nan }, { $0.greatestNorm = .infinity }, { $0.greatestNorm = 2e18 },
      { $0.leastNorm = -1 }, { $0.leastNorm = $0.greatestNorm.nextUp }, { $0.writer = "vecd 0.1.0 ü" },
      { $0.writer = String(repeating: "x", count: 33) },
      { $0.metric = .cosine; $0.leastNorm = 0 },
    ]
    for change in changes {
      var header = SegmentFixture.l2.header
      change(&header)
      #expect(Self.code { _ = try SegmentWriter(directory: store, header: header) } == .invalidArgument)
    }
    var header = SegmentFixture.l2.header
    header.greatestNorm = SegmentHeader.roundedUp(1e18)
    header.leastNorm = SegmentHeader.roundedDown(1e-30)
    #expect(Self.code { _ = try SegmentWriter(directory: store, header: header) } == nil)
  }

  @Test("a block that packing does not shrink by a tenth is stored as it is")
  func packing() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    func idsSection(_ ids: [UInt64]) throws -> SegmentDump.Section {
      let fixture = SegmentFixture(
        "p", uuid: UUID(high: UInt64(ids.count), low: ids[1]), dimension: 1, .ip, .f32, ids: ids,
        values: [Float](repeating: 1, count: ids.count))
      try fixture.write(to: store)
      let dump = try SegmentInspection.dump(path: store.segmentPath(fixture.header.uuid))
      return try #require(dump.sections.first)
    }
    var random = SplitMix64(seed: 5)
    let scattered = try idsSection((0..<4_000).map { _ in random.next() })
    #expect(scattered.storedLength == scattered.rawLength)
    let dense = try idsSection(Array(1...4_000))
    #expect(dense.rawLength == 4_000 && dense.storedLength < 100)
  }

  @Test("norms are rounded to the side that keeps every row within them")
  func rounding() {
    var random = SplitMix64(seed: 6)
    for _ in 0..<10_000 {
      let norm = Double(random.next() >> 11) / Double(random.next() >> 40 | 1)
      #expect(Double(SegmentHeader.roundedUp(norm)) >= norm)
      #expect(Double(SegmentHeader.roundedDown(norm)) <= norm)
      #expect(SegmentHeader.roundedUp(norm) <= SegmentHeader.roundedDown(norm).nextUp)
    }
  }
}
