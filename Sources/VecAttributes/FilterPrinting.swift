import VecCore

/// The canonical text: parsing it gives the same filter again.
extension Filter: CustomStringConvertible {
  public var description: String {
    switch self {
    case .and(let parts): parts.map { $0.isAnd || $0.isOr ? "(\($0))" : "\($0)" }.joined(separator: " and ")
    case .or(let parts): parts.map { $0.isOr ? "(\($0))" : "\($0)" }.joined(separator: " or ")
    case .not(let part): part.isAnd || part.isOr ? "not (\(part))" : "not \(part)"
    case .exists(let name): "exists(\(name))"
    case .compare(let name, let comparison, let value): "\(name) \(comparison.symbol) \(value)"
    case .isIn(let name, let values): "\(name) in \(Self.list(values))"
    case .isNotIn(let name, let values): "\(name) not in \(Self.list(values))"
    case .hasAny(let name, let keywords):
      keywords.count == 1
        ? "\(name) has \(FilterValue.string(keywords[0]))" : "\(name) has any \(Self.list(keywords.map { .string($0) }))"
    case .hasAll(let name, let keywords): "\(name) has all \(Self.list(keywords.map { .string($0) }))"
    }
  }

  private var isAnd: Bool { if case .and = self { true } else { false } }
  private var isOr: Bool { if case .or = self { true } else { false } }

  private static func list(_ values: [FilterValue]) -> String {
    "(" + values.map(\.description).joined(separator: ", ") + ")"
  }
}

extension FilterValue: CustomStringConvertible {
  public var description: String {
    switch self {
    case .int(let value): String(value)
    // The shortest digits that give the same number; they have a point or an exponent, so it is no integer again.
    case .number(let value): value.description
    case .bool(let value): value ? "true" : "false"
    case .string(let keyword): Self.quoted(keyword.text)
    }
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
