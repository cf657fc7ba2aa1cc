import Testing
import VecAttributes
import VecCore
import VecTestSupport

@Suite("Filters on the wire")
struct FilterBytesTests {
  @Test("5,000 random filters come back from their bytes and from their text as they were")
  func roundTrips() throws {
    var cases = RandomCases(seed: 21)
    for _ in 0..<5_000 {
      let filter = cases.filter(cases.definitions(), depth: 6)
      let bytes = try filter.encode()
      #expect(try Filter(decoding: bytes) == filter)
      #expect(try Filter(parsing: filter.description).encode() == bytes, "\(filter)")
    }
  }

  @Test("every cut is refused, and 20,000 damaged filters are refused or are other filters", arguments: [Seed(22)])
  func damage(seed: Seed) throws {
    var cases = RandomCases(seed: seed.value)
    for _ in 0..<200 {
      let bytes = try cases.filter(cases.definitions()).encode()
      for length in bytes.indices { #expect(throws: VecError.self) { try Filter(decoding: Array(bytes[..<length])) } }
      for _ in 0..<100 {
        var damaged = bytes
        for _ in 0...cases.below(3) { damaged[cases.below(damaged.count)] = UInt8(truncatingIfNeeded: cases.generator.next()) }
        do throws(VecError) {
          let filter = try Filter(decoding: damaged)
          #expect(try filter.encode() == damaged, "\(seed): \(filter)")
        } catch {
          #expect([.malformedFrame, .limitExceeded, .notAvailable].contains(error.code), "\(error)")
          #expect(!error.message.contains("\n"))
        }
      }
    }
  }

  static let exists: [UInt8] = [4, 1, 97]

  /// Bytes that break one rule of Formats/filter.md each.
  static let hostile: [(bytes: [UInt8], code: VecErrorCode)] = [
    ([], .malformedFrame),
    ([2] + exists, .notAvailable),
    ([1], .malformedFrame),
    ([1] + exists + [0], .malformedFrame),
    ([1, 0], .malformedFrame),
    ([1, 15, 1, 97, 1, 0, 0, 0], .malformedFrame),
    ([1, 1, 1, 0] + exists, .malformedFrame),
    ([1, 2, 0, 0], .malformedFrame),
    ([1, 1, 255, 255] + exists, .malformedFrame),
    ([1, 4, 0], .malformedFrame),
    ([1, 4, 1, 65], .malformedFrame),
    ([1, 4, 3] + Array("and".utf8), .malformedFrame),
    ([1, 4, 65] + [UInt8](repeating: 97, count: 65), .malformedFrame),
    ([1, 4, 1, 255], .malformedFrame),
    ([1, 5, 1, 97, 4, 0], .malformedFrame),
    ([1, 5, 1, 97, 2, 2], .malformedFrame),
    ([1, 5, 1, 97, 1] + [0, 0, 0, 0, 0, 0, 0xF0, 0x7F], .malformedFrame),
    ([1, 5, 1, 97, 1] + [0, 0, 0, 0, 0, 0, 0xF8, 0xFF], .malformedFrame),
    ([1, 5, 1, 97, 3, 1, 0, 255], .malformedFrame),
    ([1, 5, 1, 97, 3, 1, 1] + [UInt8](repeating: 97, count: 257), .limitExceeded),
    ([1, 11, 1, 97, 0, 0], .malformedFrame),
    ([1, 13, 1, 97, 1, 0, 255, 255], .malformedFrame),
    ([1, 11, 1, 97, 1, 16] + [UInt8](repeating: 2, count: 9_000), .limitExceeded),
    ([1] + [UInt8](repeating: 3, count: 31) + exists, .internalDefect),
    ([1] + [UInt8](repeating: 3, count: 32) + exists, .limitExceeded),
    ([1] + [UInt8](repeating: 3, count: 65_000), .limitExceeded),
    ([1, 1, 255, 3] + [[UInt8]](repeating: exists, count: 1_023).joined(), .internalDefect),
    ([1, 1, 0, 4] + [[UInt8]](repeating: exists, count: 1_024).joined(), .limitExceeded),
    ([1] + [UInt8](repeating: 0, count: 65_536), .limitExceeded),
  ]

  /// `internal-defect` stands for bytes that are right: the last ones within a limit.
  @Test("each rule and limit of the wire form", arguments: hostile.indices)
  func rules(at: Int) {
    let (bytes, code) = Self.hostile[at]
    do throws(VecError) {
      _ = try Filter(decoding: bytes)
      #expect(code == .internalDefect)
    } catch {
      #expect(error.code == code, "\(error)")
    }
  }

  @Test("filters made by hand are held to the same rules before they are sent")
  func check() throws {
    let one = Filter.exists("a")
    let wrong: [(Filter, VecErrorCode)] = [
      (.and([one]), .invalidArgument), (.or([]), .invalidArgument), (.exists("A"), .invalidArgument),
      (.exists("and"), .invalidArgument), (.isIn("a", []), .invalidArgument), (.hasAll("a", []), .invalidArgument),
      (.compare("a", .less, .number(.nan)), .invalidArgument),
      (.compare("a", .less, .string(Keyword(String(repeating: "é", count: 129)))), .limitExceeded),
      (.isIn("a", [FilterValue](repeating: .bool(true), count: 4_097)), .limitExceeded),
      ((0..<32).reduce(one) { part, _ in .not(part) }, .limitExceeded),
      (.and([Filter](repeating: one, count: 1_024)), .limitExceeded),
      (.and([Filter](repeating: .isIn("a", [FilterValue](repeating: .int(1), count: 4_000)), count: 2)), .limitExceeded),
    ]
    for (filter, code) in wrong {
      let error = #expect(throws: VecError.self) { try filter.encode() }
      #expect(error?.code == code)
    }
    let deepest = (0..<31).reduce(one) { part, _ in .not(part) }
    #expect(try Filter(decoding: deepest.encode()) == deepest)
  }
}
