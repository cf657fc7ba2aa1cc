/// Writes one JSON value as text. Keys come out in the order given, so that the same state gives the same bytes.
package enum JSONValue: Sendable {
  case string(String)
  case integer(Int64)
  case number(Double)
  case boolean(Bool)
  case null
  case array([JSONValue])
  case object([(String, JSONValue)])

  package static func count(_ value: some BinaryInteger) -> JSONValue { .integer(Int64(clamping: value)) }

  package static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  /// Compact JSON, one line.
  package var text: String {
    var out = ""
    append(to: &out)
    return out
  }

  private func append(to out: inout String) {
    switch self {
    case .string(let text): Self.append(quoted: text, to: &out)
    case .integer(let value): out += String(value)
    case .number(let value): out += value.isFinite ? String(value) : "null"
    case .boolean(let value): out += value ? "true" : "false"
    case .null: out += "null"
    case .array(let values):
      Self.append(values, between: "[", and: "]", to: &out) { $0.append(to: &$1) }
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
