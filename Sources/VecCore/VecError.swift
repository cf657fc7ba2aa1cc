/// What went wrong: a code of the closed list and one line for a person.
///
/// The message says what is wrong, where, and what would be right. It holds no nested error, so it is small,
/// comparable and travels over the wire as it is.
public struct VecError: Error, Sendable, Equatable, CustomStringConvertible {
  public let code: VecErrorCode
  public let message: String

  public init(_ code: VecErrorCode, _ message: String) {
    self.code = code
    self.message = message
  }

  /// A change that failed with it may be there after the next start all the same.
  package var mayHaveHappened: Bool { code == .ioError || code == .outcomeUnknown }

  /// `code-name: message`, the form of logs and of the command line.
  public var description: String { "\(code.name): \(message)" }
}
