import VecCore

/// A piece of a filter's text.
struct FilterToken {
  enum Kind: Equatable {
    /// A word of the language, in lower case.
    case word(String)
    case name(String)
    case value(FilterValue)
    /// `( ) ,` or an operator.
    case symbol(String)
    case end
  }

  let kind: Kind
  let column: Int
  /// How messages call it.
  let found: String
}

/// Cuts a text into tokens, one at a time, so the first error of the text is the one that is told.
struct FilterLexer {
  private let text: [Unicode.Scalar]
  private var at = 0

  init(_ text: String) { self.text = Array(text.unicodeScalars) }

  mutating func next() throws(FilterFault) -> FilterToken {
    while let scalar = peek(), " \t\n\r".unicodeScalars.contains(scalar) { at += 1 }
    let start = at
    guard let first = peek() else { return FilterToken(kind: .end, column: start + 1, found: "the end") }
    if first == "\"" || first == "'" {
      return FilterToken(kind: .value(.string(try string(first))), column: start + 1, found: "a string")
    }
    let kind: FilterToken.Kind
    if Self.isLetter(first) || first == "_" {
      kind = try word()
    } else if Self.isDigit(first) || (first == "-" && peek(1).map(Self.isDigit) == true) {
      kind = .value(try number())
    } else {
      kind = .symbol(try symbol(first))
    }
    return FilterToken(kind: kind, column: start + 1, found: Names.quoted(slice(start)))
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? { at + ahead < text.count ? text[at + ahead] : nil }

  private func slice(_ start: Int) -> String { String(String.UnicodeScalarView(text[start..<at])) }

  private mutating func skip(while matches: (Unicode.Scalar) -> Bool) {
    while let scalar = peek(), matches(scalar) { at += 1 }
  }

  private mutating func word() throws(FilterFault) -> FilterToken.Kind {
    let start = at
    skip { Self.isLetter($0) || Self.isDigit($0) || $0 == "_" }
    let word = slice(start)
    if Names.filterWords.contains(word.lowercased()) { return .word(word.lowercased()) }
    guard Names.isAttribute(word) else {
      throw FilterFault(
        start + 1,
        "\(Names.quoted(word)) is no attribute name: use 1 to \(Limits.attributeNameBytesMax) of a-z 0-9 _")
    }
    return .name(word)
  }

  private mutating func number() throws(FilterFault) -> FilterValue {
    let start = at
    if peek() == "-" { at += 1 }
    skip(while: Self.isDigit)
    var isInteger = true
    if peek() == ".", peek(1).map(Self.isDigit) == true {
      isInteger = false
      at += 1
      skip(while: Self.isDigit)
    }
    if peek() == "e" || peek() == "E" {
      let sign = peek(1) == "+" || peek(1) == "-" ? 2 : 1
      if peek(sign).map(Self.isDigit) == true {
        isInteger = false
        at += sign
        skip(while: Self.isDigit)
      }
    }
    let end = at
    skip { Self.isLetter($0) || Self.isDigit($0) || $0 == "_" || $0 == "." }
    let digits = slice(start)
    guard at == end else { throw FilterFault(start + 1, "\(Names.quoted(digits)) is no number") }
    if isInteger {
      guard let value = Int64(digits) else {
        throw FilterFault(start + 1, "\(Names.quoted(digits)) does not fit in 64 bits; with a point it is a number")
      }
      return .int(value)
    }
    guard let value = Double(digits), value.isFinite else {
      throw FilterFault(start + 1, "\(Names.quoted(digits)) is too large for a number")
    }
    return .number(value)
  }

  private mutating func string(_ quote: Unicode.Scalar) throws(FilterFault) -> Keyword {
    let start = at
    var out = String.UnicodeScalarView()
    at += 1
    while let scalar = peek() {
      if scalar == quote {
        at += 1
        let keyword = Keyword(String(out))
        guard keyword.byteCount <= Limits.keywordBytesMax else {
          throw FilterFault(
            start + 1, "a string has \(keyword.byteCount) bytes, at most \(Limits.keywordBytesMax) may be",
            code: .limitExceeded)
        }
        return keyword
      }
      if scalar == "\\" {
        out.append(try escape())
      } else {
        out.append(scalar)
        at += 1
      }
    }
    throw FilterFault(start + 1, "the string that begins here has no end")
  }

  private mutating func escape() throws(FilterFault) -> Unicode.Scalar {
    let start = at
    at += 2
    switch text.indices.contains(start + 1) ? text[start + 1] : nil {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case let same? where same == "\"" || same == "'" || same == "\\": return same
    case "u" where peek() == "{":
      at += 1
      let first = at
      skip { $0.value < 0x80 && $0.properties.isASCIIHexDigit }
      if (1...6).contains(at - first), peek() == "}", let value = UInt32(slice(first), radix: 16),
        let scalar = Unicode.Scalar(value)
      {
        at += 1
        return scalar
      }
    default: break
    }
    throw FilterFault(start + 1, #"an escape must be \" \' \\ \n \r \t or \u{...} with a Unicode scalar"#)
  }

  private mutating func symbol(_ first: Unicode.Scalar) throws(FilterFault) -> String {
    let start = at
    let pair = String(String.UnicodeScalarView(text[at..<min(at + 2, text.count)]))
    if ["<=", ">=", "!="].contains(pair) {
      at += 2
      return pair
    }
    if let right = ["==": "=", "<>": "!=", "&&": "and", "||": "or"][pair] {
      throw FilterFault(start + 1, "write \(right) instead of \(pair)")
    }
    guard "()=<>,".unicodeScalars.contains(first) else {
      let hint = first == "!" ? ": write not instead" : ""
      throw FilterFault(start + 1, "nothing can begin with \(Names.quoted(String(first)))" + hint)
    }
    at += 1
    return String(first)
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }
}
