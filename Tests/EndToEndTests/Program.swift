import Foundation
import Testing
import VecTestSupport

/// What a program that has ended left behind.
struct Outcome {
  /// 128 and more: it died of a signal.
  var status: Int32
  var stdout: Data
  var stderr: String

  var text: String { String(decoding: stdout, as: UTF8.self) }

  /// Lines of stderr that are not empty.
  var lines: [Substring] { stderr.split(separator: "\n") }

  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: stdout) as? [String: Any], "not a JSON object: \(text)")
  }
}

/// A program under way, and the files that its output goes to.
struct Running {
  let process: Process
  let output: String
  private let ended: DispatchSemaphore

  /// No program of these tests works longer.
  private static let patience = DispatchTimeInterval.seconds(60)

  fileprivate init(_ process: Process, output: String) throws {
    let ended = DispatchSemaphore(value: 0)
    self.ended = ended
    self.process = process
    self.output = output
    // Waited for by semaphore: `waitUntilExit` looks only every twentieth of a second.
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
  }

  var log: String { (try? String(contentsOfFile: output + ".stderr", encoding: .utf8)) ?? "" }

  /// Waits for the end. A program that does not end is killed, and the test fails.
  func outcome() -> Outcome {
    if ended.wait(timeout: .now() + Self.patience) == .timedOut {
      Issue.record("\(process.arguments ?? []) did not end: \(log)")
      kill(process.processIdentifier, SIGKILL)
      ended.wait()
    }
    let signal: Int32 = process.terminationReason == .uncaughtSignal ? 128 : 0
    return Outcome(
      status: signal + process.terminationStatus,
      stdout: FileManager.default.contents(atPath: output + ".stdout") ?? Data(), stderr: log)
  }
}

/// Runs the real executables. Output goes through files, so that no amount of it can block.
enum Program {
  /// Bytes of standard input, or a pipe that the test writes to as it likes.
  enum Input {
    case bytes(Data)
    case pipe(Pipe)
  }

  static func path(_ name: String) throws -> String {
    try #require(BuiltProducts.path(of: name), "\(name) is not built beside the tests; $VECD_BIN_DIR names the folder")
  }

  /// A program that is started but not waited for.
  ///
  /// - Parameter fileSizeLimit: bytes that any one file may grow to: what stands for a disk that is full.
  static func start(
    _ name: String, _ arguments: [String], in folder: String, input: Input? = nil, environment: [String: String] = [:],
    fileSizeLimit: Int? = nil
  ) throws -> Running {
    let output = folder + "/out-" + UUID().uuidString
    let process = Process()
    let words = [try path(name)] + arguments
    let launcher = fileSizeLimit.map { ["/usr/bin/prlimit", "--fsize=\($0)"] } ?? []
    process.executableURL = URL(fileURLWithPath: (launcher + words)[0])
    process.arguments = Array((launcher + words).dropFirst())
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var variables = ["PATH": "/usr/bin:/bin", "HOME": folder, "TERM": "dumb"]
    variables.merge(environment) { $1 }
    process.environment = variables.filter { !$1.isEmpty }
    for ending in [".stdout", ".stderr"] { try Data().write(to: URL(fileURLWithPath: output + ending)) }
    process.standardOutput = FileHandle(forWritingAtPath: output + ".stdout")
    process.standardError = FileHandle(forWritingAtPath: output + ".stderr")
    switch input {
    case .bytes(let bytes):
      try bytes.write(to: URL(fileURLWithPath: output + ".stdin"))
      process.standardInput = FileHandle(forReadingAtPath: output + ".stdin")
    case .pipe(let pipe): process.standardInput = pipe
    case nil: process.standardInput = FileHandle.nullDevice
    }
    return try Running(process, output: output)
  }

  static func run(
    _ name: String, _ arguments: [String], in folder: String, input: Data? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    try start(name, arguments, in: folder, input: input.map { .bytes($0) }, environment: environment).outcome()
  }
}

/// Waits until something holds, ten seconds at most; whether it came to hold.
func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<500 {
    if try holds() { return true }
    usleep(20_000)
  }
  return false
}
