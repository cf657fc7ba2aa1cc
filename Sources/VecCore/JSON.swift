/// A JSON value that is written, never read. Members keep their order, so the same state gives the same bytes; integers
/// stay exact to 64 bits.
package enum JSON: Sendable {
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

  package static func count(_ value: some BinaryInteger) -> JSON { .signed(Int64(clamping: value)) }

  package static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

  /// Compact, one line.
  package var text: String {
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
    case .array(let values): Self.append(values, between: "[", and: "]", to: &out) { $0.append(to: &$1) }
    case .object(let members):
      Self.append(members, between: "{", and: "}", to: &out) { member, out in
        Self.append(quoted: member.0, to: &out)
        out += ":"
        member.1.append(to: &out)
      }
    }
  }

  private static func append<T>(
    _ values: [T], between open: String, and close: String, to out: inout String, one: (T, inout String) -> Void
  ) {
    out += open
    for (position, value) in values.enumerated() {
      if position > 0 { out += "," }
      one(value, &out)
    }
    out += close
  }

  private static func append(quoted text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    out += "\""
  }
}
