import Foundation
import Glibc
import VecCore

/// One line of a JSON-lines file.
struct JsonVectorLine {
  enum Key: Equatable {
    case number(UInt64)
    case text(String)
  }

  var id: Key
  var vector: [Float]
  var item: RawItem
}

/// Reads `{"id": N, "vector": [..]}` or the same with a text as id: a closed grammar, so ids up to 2^64 - 1 stay exact and
/// nothing is left to guess. What `attributes` and `payload` hold is handed on unread.
struct JsonVectorParser {
  /// The line and a zero byte, which ends every number for `strtof`.
  private let text: [UInt8]
  private let context: String
  private var offset = 0

  init(line: [UInt8], context: String) {
    text = line + [0]
    self.context = context
  }

  /// Nil when the line is blank.
  mutating func parse() throws(VecError) -> JsonVectorLine? {
    skipSpace()
    if offset == text.count - 1 { return nil }
    if text.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw failure("starts with a byte-order mark; save as UTF-8 without it")
    }
    var id: JsonVectorLine.Key?
    var vector: [Float]?
    var item = RawItem()
    guard take("{") else { throw failure("must be an object such as {\"id\": 7, \"vector\": [0.25, -1]}") }
    while !take("}") {
      let key = try self.key()
      guard take(":") else { throw failure("a colon is missing after \(Names.quoted(key))") }
      switch key {
      case "id" where id == nil: id = try self.id()
      case "vector" where vector == nil: vector = try self.vector()
      case "attributes" where item.attributes.isEmpty: item.attributes = try object()
      case "payload" where item.payload.isEmpty: item.payload = try value()
      case "id", "vector", "attributes", "payload": throw failure("key \(Names.quoted(key)) occurs twice")
      default:
        throw failure("key \(Names.quoted(key)) must not be there: only id, vector, attributes and payload")
      }
      guard !take("}") else { break }
      guard take(",") else { throw failure("a comma or closing brace is missing") }
      skipSpace()
      guard text[offset] == UInt8(ascii: "\"") else { throw failure("a key is missing after the comma") }
    }
    skipSpace()
    guard offset == text.count - 1 else { throw failure("something follows the closing brace") }
    guard let id else { throw failure("\"id\" is missing, an integer from 0 to 18446744073709551615 or a text") }
    guard let vector else { throw failure("\"vector\" is missing, an array of numbers") }
    return JsonVectorLine(id: id, vector: vector, item: item)
  }

  private func failure(_ what: String) -> VecError {
    VecError(.malformedFile, "\(context): \(what) (at character \(offset + 1))")
  }

  private mutating func skipSpace() {
    while [0x20, 0x09, 0x0D, 0x0A].contains(text[offset]) { offset += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard text[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  /// A key as it stands between its quotes; escapes are not decoded, as no known key has any.
  private mutating func key() throws(VecError) -> String {
    guard take("\"") else { throw failure("a key in double quotes is missing") }
    let start = offset
    while text[offset] != UInt8(ascii: "\""), offset < text.count - 1 {
      offset += text[offset] == UInt8(ascii: "\\") && offset < text.count - 2 ? 2 : 1
    }
    guard offset < text.count - 1 else { throw failure("a key does not end") }
    offset += 1
    return String(decoding: text[start..<(offset - 1)], as: UTF8.self)
  }

  private mutating func object() throws(VecError) -> [UInt8] {
    skipSpace()
    guard text[offset] == UInt8(ascii: "{") else { throw failure("\"attributes\" must be an object of names and values") }
    return try value()
  }

  /// The bytes of a value up to its end. Brackets and strings are followed, the rest is judged by who reads it.
  private mutating func value() throws(VecError) -> [UInt8] {
    skipSpace()
    let start = offset
    var depth = 0
    while offset < text.count - 1 {
      switch UnicodeScalar(text[offset]) {
      case "\"": _ = try key()
      case "{", "[":
        depth += 1
        offset += 1
      case "}", "]":
        if depth == 0 { return try ended(start) }
        depth -= 1
        offset += 1
        if depth == 0 { return try ended(start) }
      case "," where depth == 0: return try ended(start)
      default: offset += 1
      }
    }
    throw failure("a value does not end")
  }

  private func ended(_ start: Int) throws(VecError) -> [UInt8] {
    guard offset > start else { throw failure("a value is missing") }
    return Array(text[start..<offset])
  }

  private mutating func id() throws(VecError) -> JsonVectorLine.Key {
    skipSpace()
    let start = offset
    if text[offset] == UInt8(ascii: "\"") {
      _ = try key()
      return .text(try stringID(text[start..<offset]))
    }
    guard try number(), let id = UInt64(String(decoding: text[start..<offset], as: UTF8.self)) else {
      throw failure("\"id\" must be an integer from 0 to 18446744073709551615 or a text")
    }
    return .number(id)
  }

  /// - Parameter quoted: a JSON string with its quotes.
  private func stringID(_ quoted: ArraySlice<UInt8>) throws(VecError) -> String {
    guard let found = try? JSONDecoder().decode(String.self, from: Data(quoted)) else {
      throw failure("\"id\" is no JSON string")
    }
    if let defect = StringID.defect(of: found) { throw failure("its string id \(defect)") }
    return found
  }

  private mutating func vector() throws(VecError) -> [Float] {
    guard take("[") else { throw failure("\"vector\" must be an array of numbers") }
    var values: [Float] = []
    repeat {
      skipSpace()
      let start = offset
      guard try number() else { throw failure("component \(values.count) of \"vector\" is not a number") }
      guard values.count < Limits.dimensionMax else {
        throw failure("\"vector\" has more than \(Limits.dimensionMax) values")
      }
      let value = text.withUnsafeBufferPointer { bytes in
        bytes[start...].withMemoryRebound(to: CChar.self) { $0.baseAddress.map { strtof($0, nil) } ?? .nan }
      }
      guard value.isFinite else { throw failure("component \(values.count) of \"vector\" does not fit float32") }
      values.append(value)
    } while take(",")
    guard take("]") else { throw failure("\"vector\" does not end with a bracket") }
    return values
  }

  /// Takes a number of the JSON grammar; false when there is none.
  private mutating func number() throws(VecError) -> Bool {
    if text[offset] == UInt8(ascii: "-") { offset += 1 }
    let start = offset
    guard digits() else { return false }
    if text[start] == UInt8(ascii: "0"), offset - start > 1 { throw failure("a number starts with a superfluous 0") }
    if text[offset] == UInt8(ascii: ".") {
      offset += 1
      guard digits() else { return false }
    }
    if text[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-") { offset += 1 }
      guard digits() else { return false }
    }
    return true
  }

  private mutating func digits() -> Bool {
    let start = offset
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[offset]) { offset += 1 }
    return offset > start
  }
}
