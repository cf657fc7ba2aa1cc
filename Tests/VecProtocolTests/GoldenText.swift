/// The JSON beside a golden frame: objects keep their order, arrays of numbers stay on one line.
indirect enum GoldenText {
  case number(String)
  case string(String)
  case numbers([String])
  case list([GoldenText])
  case object([(String, GoldenText)])

  static func int(_ value: some FixedWidthInteger) -> GoldenText { .number("\(value)") }
  static func flag(_ value: Bool) -> GoldenText { .number(value ? "1" : "0") }
  static func float(_ value: Float) -> GoldenText { .number("\(value)") }
  static func ints(_ values: [some FixedWidthInteger]) -> GoldenText { .numbers(values.map { "\($0)" }) }
  static func floats(_ values: [Float]) -> GoldenText { .numbers(values.map { "\($0)" }) }

  func text(indent: String = "") -> String {
    switch self {
    case .number(let number): return number
    case .string(let string): return Self.quoted(string)
    case .numbers(let numbers): return "[" + numbers.joined(separator: ", ") + "]"
    case .list(let items):
      if items.isEmpty { return "[]" }
      let inner = indent + "  "
      return "[\n" + items.map { inner + $0.text(indent: inner) }.joined(separator: ",\n") + "\n" + indent + "]"
    case .object(let members):
      if members.isEmpty { return "{}" }
      let inner = indent + "  "
      let lines = members.map { inner + Self.quoted($0.0) + ": " + $0.1.text(indent: inner) }
      return "{\n" + lines.joined(separator: ",\n") + "\n" + indent + "}"
    }
  }

  private static func quoted(_ string: String) -> String {
    var out = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
