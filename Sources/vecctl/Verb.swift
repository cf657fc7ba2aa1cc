import ArgumentParser
import Glibc
import VecCore

/// A verb: what it does, apart from how its failure is told.
protocol Verb: AsyncParsableCommand {
  var global: GlobalOptions { get }
  /// Does the work and writes the answer to stdout.
  func execute() async throws
}

extension Verb {
  mutating func run() async throws {
    do {
      try await execute()
    } catch let error as VecError {
      ErrorReport(code: error.code, message: error.message).write(json: global.json)
      throw ExitCode(error.code.exitStatus)
    }
  }

  /// Writes the answer: `json` with --json, else `text`.
  func answer(json: @autoclosure () -> JSON, text: @autoclosure () -> String) {
    Output.data(global.json ? json().text : text())
  }
}

/// A failure as the command line tells it: a line on stderr, and with --json an object on stdout too.
struct ErrorReport {
  var code: VecErrorCode
  var message: String

  func write(json: Bool) {
    Output.talk("vecctl: error: \(message) [\(code.name)]")
    guard json else { return }
    let error = JSON.object([
      ("code", .count(code.rawValue)), ("name", .string(code.name)), ("message", .string(message)),
    ])
    Output.data(JSON.object([("error", error)]).text)
  }
}

/// The two streams: stdout for data alone, stderr for everything said to a person.
enum Output {
  static func data(_ text: String) { write(text, to: STDOUT_FILENO) }

  static func talk(_ line: String) { write(line, to: STDERR_FILENO) }

  /// Whether a person sees stderr, so that progress may be drawn there.
  static var talksToTerminal: Bool {
    isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
  }

  /// Unbuffered, with a newline at the end if there is none.
  private static func write(_ text: String, to descriptor: Int32) {
    raw(text.hasSuffix("\n") || text.isEmpty ? text : text + "\n", to: descriptor)
  }

  /// As it is. A stream that nobody reads any more cannot be told so, hence no error.
  static func raw(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
