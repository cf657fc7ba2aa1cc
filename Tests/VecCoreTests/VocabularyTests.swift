import Glibc
import Testing
import VecCore

@Suite("The list of errors")
struct ErrorListTests {
  /// The rows of `Formats/errors.tsv` without the heading.
  static func rows() throws -> [[String]] {
    let parts = #filePath.split(separator: "/").dropLast(3)
    let path = "/" + parts.joined(separator: "/") + "/Formats/errors.tsv"
    let file = try #require(fopen(path, "r"), "\(path) is missing")
    defer { fclose(file) }
    var text: [UInt8] = []
    while case let byte = fgetc(file), byte != EOF { text.append(UInt8(truncatingIfNeeded: byte)) }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst().map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test("the enum and errors.tsv are the same list")
  func sameList() throws {
    let listed = try Self.rows().map { row in
      try #require(row.count == 6)
      return Array(row[0..<4])
    }
    let coded = VecErrorCode.allCases.map {
      ["\($0.rawValue)", $0.name, $0.isRetryable ? "yes" : "no", "\($0.exitStatus)"]
    }
    #expect(listed == coded)
  }

  @Test("every code has a class, a meaning that is a sentence, and a name of its own")
  func wellFormed() throws {
    for row in try Self.rows() {
      let code = try #require(UInt16(row[0]))
      #expect([1, 2, 3, 4, 5, 9].contains(code / 1000))
      #expect(row[5].hasSuffix("."))
      #expect(row[1].utf8.allSatisfy { (97...122).contains($0) || $0 == 45 })
    }
    #expect(Set(VecErrorCode.allCases.map(\.name)).count == VecErrorCode.allCases.count)
    #expect(VecError(.busy, "wait").description == "busy: wait")
  }
}

@Suite("Names")
struct NamesTests {
  static func isCollection(_ name: String) -> Bool {
    do throws(VecError) { try Names.checkCollection(name) } catch { return false }
    return true
  }

  static func isLabel(_ label: String) -> Bool {
    do throws(VecError) { try Names.checkLabel(label) } catch { return false }
    return true
  }

  @Test("collection names: lower case, digits, _ and -, at most 64 bytes")
  func collections() {
    let good = ["a", "0", "items_2-b", String(repeating: "z", count: 64)]
    let bad = [
      "", "A", "_a", "-a", "a.b", "a/b", "..", ".", "a b", "a\n", "a\0", "é", "aé", "ａ",
      String(repeating: "z", count: 65),
    ]
    for name in good { #expect(Self.isCollection(name), "\(name)") }
    for name in bad { #expect(!Self.isCollection(name), "\(name)") }
  }

  @Test("generation labels: letters, digits, . _ : and -, at most 64 bytes")
  func labels() {
    let good = ["1", "2026-11-24T03:00", "V2.1_x", String(repeating: "Z", count: 64)]
    let bad = ["", ".hidden", ":a", "a/b", "a b", "a\t", "ä", "a;b", "a'b", String(repeating: "Z", count: 65)]
    for label in good { #expect(Self.isLabel(label), "\(label)") }
    for label in bad { #expect(!Self.isLabel(label), "\(label)") }
  }

  @Test("a refused name is quoted on one line, however it was meant")
  func quoted() {
    #expect(Names.quoted("a\nb\u{7F}\0") == "\"a\\u{a}b\\u{7f}\\u{0}\"")
    #expect(Names.quoted(String(repeating: "x", count: 500)).utf8.count < 100)
    do throws(VecError) {
      try Names.checkCollection("no\nline")
      Issue.record("a line break was accepted")
    } catch {
      #expect(error.code == .invalidArgument && !error.message.contains("\n"))
    }
  }
}

@Suite("UUIDs and small types")
struct UUIDTests {
  @Test("the hexadecimal form and the bytes lead back to the same uuid", arguments: [3] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      let uuid = UUID(high: random.next(), low: random.next())
      #expect(uuid.description.utf8.count == 32)
      #expect(UUID(hex: uuid.description) == uuid)
      #expect(UUID(bytes: uuid.bytes) == uuid)
    }
    #expect(UUID(hex: "000102030405060708090a0b0c0d0e0f")?.bytes == Array(0..<16))
  }

  @Test("every other form is refused")
  func refused() {
    let good = "000102030405060708090a0b0c0d0e0f"
    let bad = [
      "", String(good.dropLast()), good + "0", good.uppercased(), "0x" + good.dropFirst(2), "g" + good.dropFirst(),
      "é" + good.dropFirst(2), "../" + good.dropFirst(3),
    ]
    for text in bad { #expect(UUID(hex: text) == nil, "\(text)") }
    #expect(UUID(bytes: []) == nil && UUID(bytes: [UInt8](repeating: 0, count: 17)) == nil)
  }

  @Test("names of metrics, element types, indexes and states lead back to them")
  func names() {
    for metric in Metric.allCases { #expect(Metric(name: metric.name) == metric) }
    for type in ElementType.allCases { #expect(ElementType(name: type.name) == type) }
    for index in IndexType.allCases { #expect(IndexType(name: index.name) == index) }
    for state in GenerationState.allCases { #expect(GenerationState(name: state.name) == state) }
    #expect(Metric(name: "IP") == nil && ElementType(name: "") == nil)
  }

  @Test("the random generator is the published SplitMix64")
  func splitMix() {
    var random = SplitMix64(seed: 1_234_567)
    #expect((0..<3).map { _ in random.next() } == [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
    ])
  }
}
