/// A JSON value that is written, never read. Members keep their order; integers stay exact to 64 bits.
enum JSON {
  case string(String)
  case unsigned(UInt64)
  case signed(Int64)
  case float(Float)
  case double(Double)
  case bool(Bool)
  case null
  case array([JSON])
  case object([(String, JSON)])
  /// Text that is JSON already.
  case verbatim(String)

  static func count(_ value: some BinaryInteger) -> JSON { .signed(Int64(clamping: value)) }

  static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

  /// One line.
  var text: String {
    var out = ""
    append(to: &out)
    return out
  }

  private func append(to out: inout String) {
    switch self {
    case .string(let text): Self.append(quoted: text, to: &out)
    case .unsigned(let value): out += String(value)
    case .signed(let value): out += String(value)
    case .float(let value): out += value.isFinite ? value.description : "null"
    case .double(let value): out += value.isFinite ? value.description : "null"
    case .bool(let value): out += value ? "true" : "false"
    case .null: out += "null"
    case .verbatim(let text): out += text
    case .array(let values):
      out += "["
      for (position, value) in values.enumerated() {
        if position > 0 { out += "," }
        value.append(to: &out)
      }
      out += "]"
    case .object(let members):
      out += "{"
      for (position, member) in members.enumerated() {
        if position > 0 { out += "," }
        Self.append(quoted: member.0, to: &out)
        out += ":"
        member.1.append(to: &out)
      }
      out += "}"
    }
  }

  private static func append(quoted text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }

  /// JSON text with one member a line, for people; text that is not JSON comes out unharmed.
  static func indented(_ text: String) -> String {
    var out = ""
    var depth = 0
    var isInString = false
    var isEscaped = false
    for character in text {
      if isInString {
        out.append(character)
        if character == "\"", !isEscaped { isInString = false }
        isEscaped = character == "\\" && !isEscaped
        continue
      }
      switch character {
      case "{", "[":
        depth += 1
        out.append(character)
        out += newline(depth)
      case "}", "]":
        let opening = newline(depth)
        depth -= 1
        if out.hasSuffix(opening), out.dropLast(opening.count).last.map({ "{[".contains($0) }) == true {
          out.removeLast(opening.count)  // nothing between: {}
        } else {
          out += newline(depth)
        }
        out.append(character)
      case ",":
        out.append(character)
        out += newline(depth)
      case ":": out += ": "
      default:
        isInString = character == "\""
        out.append(character)
      }
    }
    return out
  }

  private static func newline(_ depth: Int) -> String { "\n" + String(repeating: "  ", count: max(0, depth)) }
}
