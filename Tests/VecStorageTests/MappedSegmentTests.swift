import Testing
import VecCore
import VecStorage
import VecTestSupport

@Suite("A mapped segment")
struct MappedSegmentTests {
  let scratch = ScratchDirectory()

  @Test("every id leads to its row, and no other id to any", arguments: SegmentFixture.golden)
  func rows(_ fixture: SegmentFixture) throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try fixture.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    let ids = try segment.decodeIDs()
    #expect(ids == fixture.ids)
    let known = Set(ids)
    for (row, id) in ids.enumerated() {
      #expect(segment.row(of: id, ids: ids) == row)
      if !known.contains(id &+ 1) { #expect(segment.row(of: id &+ 1, ids: ids) == nil) }
    }
    #expect(segment.row(of: .max, ids: ids) == ids.firstIndex(of: .max))
    // Fewer ids than rows is a defect of the caller; it finds less, and reads nothing beyond.
    #expect(segment.row(of: ids[0], ids: []) == nil)
  }

  static let spreads: [String] = ["even", "consecutive", "doubling", "two heaps", "one far away", "with both ends"]

  static func ids(_ spread: String) -> [UInt64] {
    var generator = Seed(77).generator
    switch spread {
    case "even": return (0..<700).map { _ in generator.next() >> 1 }
    case "consecutive": return (0..<700).map { 5_000 + $0 }
    case "doubling": return (0..<63).map { 1 << $0 }
    case "two heaps": return (0..<350).map { 3 * $0 } + (0..<350).map { .max - 5 * $0 - 1 }
    case "one far away": return (0..<700).map { 2 * $0 } + [.max]
    default: return [0, .max] + (0..<300).map { _ in generator.next() % 1_000_000 + 1 }
    }
  }

  @Test("ids lead to their rows however they are spread, and ids between them to none", arguments: spreads)
  func spread(_ name: String) throws {
    var seen: Set<UInt64> = []
    let ids = Self.ids(name).filter { seen.insert($0).inserted }.reversed() as [UInt64]
    let fixture = SegmentFixture(
      name, uuid: UUID(high: 7, low: 7), dimension: 1, .ip, .f32, ids: ids, values: ids.map { _ in 1 })
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try fixture.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    for (row, id) in ids.enumerated() {
      #expect(segment.row(of: id, ids: ids) == row)
      for other in [id &- 1, id &+ 1, id ^ 1 << 40] where !seen.contains(other) {
        #expect(segment.row(of: other, ids: ids) == nil)
      }
    }
  }

  @Test("many ids are looked up at once as each by itself, in any order, repeats and strangers among them", arguments: spreads)
  func manyAtOnce(_ name: String) throws {
    var seen: Set<UInt64> = []
    let ids = Self.ids(name).filter { seen.insert($0).inserted }
    let fixture = SegmentFixture(
      name, uuid: UUID(high: 7, low: 8), dimension: 1, .ip, .f32, ids: ids, values: ids.map { _ in 1 })
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try fixture.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    var generator = Seed(78).generator
    let wanted = ids + ids.prefix(3) + ids.map { $0 &+ 1 } + [0, .max]
    for count in [0, 1, 15, 16, 17, wanted.count] {
      let asked = Array(wanted.shuffled(using: &generator).prefix(count))
      #expect(segment.rows(of: asked, ids: ids) == asked.map { ids.firstIndex(of: $0) ?? -1 }, "\(count) ids")
    }
  }

  @Test("advice changes nothing that is read")
  func advice() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try SegmentFixture.manyBlocks.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    for hint in [AccessHint.random, .sequential, .willNeed] { segment.advise(hint) }
    #expect(segment.vectors.elementsEqual(SegmentFixture.manyBlocks.vectors))
  }

  @Test("progress tells every byte once")
  func progress() throws {
    let store = try StoreDirectory(path: scratch.path, create: true)
    let identity = try SegmentFixture.manyBlocks.write(to: store)
    let segment = try MappedSegment.open(path: store.segmentPath(identity.uuid), expecting: identity)
    var seen = 0
    try segment.verify { seen += $0 }
    #expect(UInt64(seen) == identity.byteCount)
  }

  @Test("a file that changes after it was opened fails its next verify")
  func changedLater() throws {
    let bytes = try SegmentFixture.cosine.fileBytes()
    let file = DamagedFile(bytes, scratch.path + "/later.vseg")
    let segment = try MappedSegment.open(path: file.path, expecting: nil)
    try segment.verify()
    for offset in [90, 130, bytes.count - 100, bytes.count - 20] {
      file.put([bytes[offset] ^ 4], at: offset)
      #expect(SegmentWriterTests.code { try segment.verify() } == .segmentDamaged)
      file.put([bytes[offset]], at: offset)
    }
    try segment.verify()
  }

  @Test("what is no segment is refused by name")
  func noSegment() {
    Files.write(Array(repeating: 0x41, count: 5_000), scratch.path + "/text.vseg")
    Files.write([], scratch.path + "/empty.vseg")
    for name in ["text.vseg", "empty.vseg", "", "missing.vseg"] {
      let path = scratch.path + "/" + name
      #expect(DamageTests.detects(path).map { DamageTests.isClear($0, path) } == true)
      #expect(SegmentInspection.findings(path: path).findings.count == 1)
    }
    #expect(DamageTests.detects("/dev/zero")?.code == .segmentDamaged)
  }
}
