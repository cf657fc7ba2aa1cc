import Foundation
import Testing
import VecTestSupport

/// What a program that has ended left behind.
struct Outcome {
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

/// Runs the real executables. Output goes through files, so that no amount of it can block.
enum Program {
  static func path(_ name: String) throws -> String {
    try #require(BuiltProducts.path(of: name), "\(name) is not built beside the tests; $VECD_BIN_DIR names the folder")
  }

  /// A process that is started but not waited for, and the folder that its output goes to.
  static func start(
    _ name: String, _ arguments: [String], in folder: String, input: Data? = nil, environment: [String: String] = [:]
  ) throws -> (process: Process, output: String) {
    let output = folder + "/out-" + UUID().uuidString
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try path(name))
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var variables = ["PATH": "/usr/bin:/bin", "HOME": folder, "TERM": "dumb"]
    variables.merge(environment) { $1 }
    process.environment = variables
    for ending in [".stdout", ".stderr"] { try Data().write(to: URL(fileURLWithPath: output + ending)) }
    process.standardOutput = FileHandle(forWritingAtPath: output + ".stdout")
    process.standardError = FileHandle(forWritingAtPath: output + ".stderr")
    if let input {
      try input.write(to: URL(fileURLWithPath: output + ".stdin"))
      process.standardInput = FileHandle(forReadingAtPath: output + ".stdin")
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    return (process, output)
  }

  static func finish(_ started: (process: Process, output: String)) -> Outcome {
    started.process.waitUntilExit()
    let files = FileManager.default
    return Outcome(
      status: started.process.terminationStatus, stdout: files.contents(atPath: started.output + ".stdout") ?? Data(),
      stderr: String(decoding: files.contents(atPath: started.output + ".stderr") ?? Data(), as: UTF8.self))
  }

  static func run(
    _ name: String, _ arguments: [String], in folder: String, input: Data? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    finish(try start(name, arguments, in: folder, input: input, environment: environment))
  }
}
