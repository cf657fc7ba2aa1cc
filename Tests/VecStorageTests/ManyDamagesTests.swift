import Testing
import VecCore
import VecStorage

/// Damage in numbers: every bit of a segment of 64 KiB, and 100,000 accidents of disks and copies to one of several blocks.
/// A file is opened as a store opens it: knowing what the manifest says, and verifying every byte.
@Suite("Damage in numbers")
struct ManyDamagesTests {
  /// What is done to find damage; nil when none was found.
  typealias Check = @Sendable (_ path: String, _ expected: SegmentIdentity) -> VecError?

  static let whole: Check = { path, expected in DamageTests.detects(path, expecting: expected) }

  /// The check that must miss things: it believes what is not in header, directory and trailer.
  static let blind: Check = { path, expected in
    do throws(VecError) {
      _ = try MappedSegment.open(path: path, expecting: expected)
      return nil
    } catch {
      return error
    }
  }

  /// Every section there is, in 65,544 bytes.
  static let small: IndexSectionTests.Indexed = {
    let kinds: [(SectionKind, Int)] = [(.lists, 6_000), (.graph, 10_736), (.calibration, 600)]
    return IndexSectionTests.Indexed(
      fixture: .random("small", seed: 51, rows: 600, dimension: 32, .cosine, .f16),
      sections: kinds.map { ($0, IndexSectionTests.content($1, seed: UInt64($0.rawValue))) })
  }()

  /// Three blocks of vectors.
  static let large = SegmentFixture.random("large", seed: 52, rows: 5_000, dimension: 32, .ip, .f32)

  /// The same uuid, ids and shape, and other vectors: the file that stood there before.
  static let stale: SegmentFixture = {
    var older = SegmentFixture.random("stale", seed: 53, rows: 5_000, dimension: 32, .ip, .f32)
    older.header.uuid = large.header.uuid
    older.ids = large.ids
    return older
  }()

  static func identity(_ bytes: [UInt8], _ header: SegmentHeader) -> SegmentIdentity {
    let root = bytes[(bytes.count - 20)..<(bytes.count - 16)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    return SegmentIdentity(uuid: header.uuid, byteCount: UInt64(bytes.count), rootChecksum: root)
  }

  /// The bits from `first` on in steps of `step` whose flip the check does not find, or not say clearly.
  static func missedBits(of bytes: [UInt8], _ identity: SegmentIdentity, first: Int, step: Int, _ check: Check) -> [Int] {
    let scratch = ScratchDirectory(inMemory: true)
    let file = DamagedFile(bytes, scratch.path + "/flipped")
    var missed = check(file.path, identity) == nil ? [] : [-1]
    for bit in stride(from: first, to: bytes.count * 8, by: step) {
      file.put([bytes[bit / 8] ^ (1 << (bit % 8))], at: bit / 8)
      let error = check(file.path, identity)
      if error.map({ $0.code == .segmentDamaged && DamageTests.isClear($0, file.path) }) != true { missed.append(bit) }
      file.put([bytes[bit / 8]], at: bit / 8)
    }
    return missed
  }

  @Test("every flip of a bit of 64 KiB is noticed, and the error names the file", arguments: 0..<4)
  func everyBit(part: Int) throws {
    let bytes = try Self.small.fileBytes()
    #expect(bytes.count >= 65_536)
    let identity = Self.identity(bytes, Self.small.fixture.header)
    let missed = Self.missedBits(of: bytes, identity, first: part, step: 4, Self.whole)
    #expect(missed.isEmpty, "bits of \(bytes.count) bytes")
  }

  @Test("a check that leaves checksums of content out is caught all over it")
  func everyBitControl() throws {
    let bytes = try Self.small.fileBytes()
    let identity = Self.identity(bytes, Self.small.fixture.header)
    // One bit of every eighth byte.
    let missed = Self.missedBits(of: bytes, identity, first: 0, step: 64, Self.blind)
    let directory = bytes[(bytes.count - 64)..<(bytes.count - 56)].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(missed == Array(stride(from: 128 * 8, to: directory * 8, by: 64)))
  }

  // MARK: - Accidents

  /// What can happen to a file, with the ranges that it changes.
  enum Accident: CaseIterable {
    case bit, byte, zeroed, duplicated, swapped, stale, otherFile, cut

    /// The changed ranges and their new bytes, which differ from the old ones.
    func patches(
      _ bytes: [UInt8], stale: [UInt8], _ random: inout SplitMix64
    ) -> [(offset: Int, bytes: ArraySlice<UInt8>)] {
      let length = random.next() % 4 == 0 ? 131_072 : 4_096
      // Storage loses and moves whole pages, copies any range.
      func place(_ count: Int) -> Int {
        let place = Int(random.next() % UInt64(bytes.count - count + 1))
        return random.next() % 2 == 0 ? place : place / 4_096 * 4_096
      }
      let here = place(length)
      let there = place(length)
      switch self {
      case .bit, .byte:
        let value = self == .bit ? 1 << UInt8(random.next() % 8) : UInt8(random.next() % 255 + 1)
        return [(here, [bytes[here] ^ value])]
      case .zeroed: return [(here, ArraySlice(repeating: 0, count: length))]
      case .duplicated: return [(here, bytes[there..<(there + length)])]
      case .swapped:
        let gap = min(length, abs(here - there))
        return [(here, bytes[there..<(there + gap)]), (there, bytes[here..<(here + gap)])]
      case .stale: return [(here, stale[here..<(here + length)])]
      case .otherFile: return [(0, stale[...])]
      case .cut: return []
      }
    }
  }

  /// The accidents that the check does not find.
  static func missedAccidents(seed: UInt64, count: Int, _ check: Check) throws -> [String] {
    let bytes = try Self.large.fileBytes()
    let stale = try Self.stale.fileBytes()
    try #require(stale.count == bytes.count)
    let identity = Self.identity(bytes, Self.large.header)
    let scratch = ScratchDirectory(inMemory: true)
    let file = DamagedFile(bytes, scratch.path + "/damaged")
    var missed = check(file.path, identity) == nil ? [] : ["the sound file"]
    var random = SplitMix64(seed: seed)
    var done = 0
    while done < count {
      let accident = Accident.allCases[Int(random.next() % UInt64(Accident.allCases.count))]
      // Whole files are many bytes to write and one case.
      if accident == .otherFile, random.next() % 20 != 0 { continue }
      let patches = accident.patches(bytes, stale: stale, &random)
      for patch in patches { file.put(Array(patch.bytes), at: patch.offset) }
      let length = accident == .cut ? Int(random.next() % UInt64(bytes.count)) : bytes.count
      if accident == .cut { file.truncate(to: length) }
      let isChanged = patches.contains { bytes[$0.offset..<($0.offset + $0.bytes.count)] != $0.bytes } || accident == .cut
      if isChanged {
        done += 1
        let error = check(file.path, identity)
        let isClear = error.map { DamageTests.isClear($0, file.path) }
        if isClear != true { missed.append("\(done): \(accident) \(patches.first?.offset ?? length)") }
      }
      for patch in patches { file.put(Array(bytes[patch.offset..<(patch.offset + patch.bytes.count)]), at: patch.offset) }
      if accident == .cut {
        file.truncate(to: bytes.count)
        file.put(Array(bytes[length...]), at: length)
      }
    }
    if check(file.path, identity) != nil { missed.append("the sound file at the end") }
    return missed
  }

  @Test("100,000 accidents are all noticed", arguments: [61, 62, 63, 64] as [UInt64])
  func accidents(seed: UInt64) throws {
    let missed = try Self.missedAccidents(seed: seed, count: 25_000, Self.whole)
    #expect(missed.isEmpty, "seed \(seed): \(missed.prefix(10))")
  }

  @Test("the accidents do hit content that only checksums tell")
  func accidentsControl() throws {
    let missed = try Self.missedAccidents(seed: 61, count: 1_000, Self.blind)
    #expect(missed.count > 500)
    for name in ["bit", "byte", "zeroed", "duplicated", "swapped", "stale"] {
      #expect(missed.contains { $0.contains(": \(name) ") }, "\(name) was never missed")
    }
  }

  @Test("a file that ends at any multiple of 512 bytes is refused")
  func everySector() throws {
    let bytes = try Self.large.fileBytes()
    let identity = Self.identity(bytes, Self.large.header)
    let scratch = ScratchDirectory(inMemory: true)
    let file = DamagedFile(bytes, scratch.path + "/cut")
    for length in stride(from: 0, to: bytes.count, by: 512).reversed() {
      file.truncate(to: length)
      #expect(Self.whole(file.path, identity).map { DamageTests.isClear($0, file.path) } == true, "\(length) bytes")
    }
  }
}
