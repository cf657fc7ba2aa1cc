import VecCore

/// Why a text is no filter, and where.
public struct FilterFault: Error, Sendable, Equatable {
  /// Of the text, counted in Unicode scalars from 1; one past the end when more was expected there.
  public let column: Int
  /// One line: what is wrong and what would be right.
  public let message: String
  let code: VecErrorCode

  init(_ column: Int, _ message: String, code: VecErrorCode = .invalidArgument) {
    self.column = column
    self.message = message
    self.code = code
  }

  var error: VecError { VecError(code, "filter, column \(column): \(message)") }

  /// Two lines for a terminal: the text around the place, and a caret below it.
  ///
  ///     price << 20
  ///            ^
  public func caret(in text: String) -> String {
    let scalars = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
    let at = min(max(column - 1, 0), scalars.count)
    let first = at > 60 ? at - 60 : 0
    var line = String.UnicodeScalarView(first > 0 ? ["…"] : [])
    line.append(contentsOf: scalars[first..<min(scalars.count, at + 20)])
    if at + 20 < scalars.count { line.append("…") }
    return String(line) + "\n" + String(repeating: " ", count: at - first + (first > 0 ? 1 : 0)) + "^"
  }
}
