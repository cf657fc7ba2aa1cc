import VecCore

extension JSON {
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
