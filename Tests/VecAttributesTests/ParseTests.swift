import Foundation
import Testing
import VecAttributes
import VecCore

@Suite("Filters as text")
struct ParseTests {
  struct Case {
    let text: String
    let result: String
    let rest: String
  }

  /// The text is a JSON string, or a list of pieces and how often each stands there.
  static func cases() throws -> [Case] {
    try Golden.table("filter/v1/filters.tsv").map { cells in
      let given = try JSONSerialization.jsonObject(with: Data(cells[0].utf8), options: .fragmentsAllowed)
      let pieces = given as? [[Any]] ?? [[given, 1]]
      let text = pieces.map { String(repeating: $0[0] as? String ?? "", count: $0[1] as? Int ?? 0) }.joined()
      return Case(text: text, result: cells[1], rest: cells[2])
    }
  }

  @Test("every line of the golden file, which the Python client is held to as well")
  func golden() throws {
    let cases = try Self.cases()
    #expect(cases.count >= 150)
    for one in cases {
      let fault = Filter.fault(in: one.text)
      do throws(VecError) {
        let filter = try Filter(parsing: one.text)
        #expect(one.result == "filter" && fault == nil, "\(one.text.prefix(80))")
        #expect(Golden.hex(try filter.encode()) == one.rest, "\(one.text.prefix(80))")
        #expect(try Filter(decoding: Golden.bytes(hex: one.rest)) == filter)
        #expect(try Filter(parsing: filter.description) == filter, "\(filter)")
      } catch {
        #expect(one.result == "\(error.code.name)@\(fault?.column ?? 0)", "\(one.text.prefix(80)): \(error)")
        #expect(fault?.message == one.rest && error.message == "filter, column \(fault?.column ?? 0): \(one.rest)")
      }
    }
  }

  @Test("and binds closer than or, not closest, and parentheses are kept")
  func binding() throws {
    let a = Filter.compare("a", .equal, .int(1))
    let b = Filter.exists("b")
    let c = Filter.hasAny("c", ["x"])
    #expect(try Filter(parsing: "a = 1 or exists(b) and c has 'x'") == .or([a, .and([b, c])]))
    #expect(try Filter(parsing: "not a = 1 and exists(b)") == .and([.not(a), b]))
    #expect(try Filter(parsing: "a=1 and (exists(b) and c has \"x\")") == .and([a, .and([b, c])]))
    #expect(try Filter(parsing: "missing(b)") == .not(b))
  }

  @Test("canonical text")
  func printing() throws {
    let texts = [
      ("a=1 AND (b=2 and c>=-0.5)", "a = 1 and (b = 2 and c >= -0.5)"),
      ("(a=1 and b=2) or c!=1e20", "a = 1 and b = 2 or c != 1e+20"),
      ("not(a=1 or missing(b))", "not (a = 1 or not exists(b))"),
      ("t has any ('x') or t has all ('x','\\u{7}\"')", #"t has "x" or t has all ("x", "\u{7}\"")"#),
      ("a Not IN (1,2.0,TRUE,'é')", #"a not in (1, 2.0, true, "é")"#),
    ]
    for (text, canonical) in texts { #expect(try Filter(parsing: text).description == canonical) }
  }

  @Test("a fault shows its place below the text, within a line")
  func caret() {
    #expect(Filter.fault(in: "price << 20")?.caret(in: "price << 20") == "price << 20\n       ^")
    #expect(Filter.fault(in: "a\t=\n")?.caret(in: "a\t=\n") == "a = \n    ^")
    let long = String(repeating: "a = 1 and\n", count: 50) + "b ! 2" + String(repeating: " ", count: 50)
    let lines = Filter.fault(in: long)?.caret(in: long).split(separator: "\n") ?? []
    #expect(lines.count == 2 && lines[0].count == 82 && lines[0].hasPrefix("…") && lines[0].hasSuffix("…"))
    #expect(Array(lines[0])[lines[1].count - 1] == "!")
  }

  @Test("20,000 random texts of the language's pieces are filters or have a fault within the text")
  func randomTexts() {
    var cases = RandomCases(seed: 31)
    let pieces = [
      "a", "and", "or", "not", "in", "has", "any", "all", "exists", "missing", "(", ")", ",", "=", "<", "<=", "!=", "1",
      "-2.5", "1e5", "true", "\"x\"", "'y'", "\\", "\"", "é", "\n", "!", "&&", "(1, 2)", "a = 1",
    ]
    for _ in 0..<20_000 {
      let text = (0..<cases.below(12)).map { _ in cases.one(of: pieces) }.joined(separator: cases.chance(80) ? " " : "")
      if let fault = Filter.fault(in: text) {
        #expect((1...text.unicodeScalars.count + 1).contains(fault.column) && !fault.message.contains("\n"), "\(text)")
      } else {
        #expect((try? Filter(parsing: text)).flatMap { try? Filter(parsing: $0.description).encode() } != nil, "\(text)")
      }
    }
  }
}
