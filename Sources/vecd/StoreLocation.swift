import ArgumentParser
import Glibc
import VecCore

/// Where the store is, for every verb.
struct StoreLocation: ParsableArguments {
  @Option(help: ArgumentHelp("Directory of the store. (default: $VECD_STORE, else ~/.vecd)", valueName: "dir"))
  var store: String?

  func path() throws(VecError) -> String {
    let path = if let store { store } else { try Environment.storePath() }
    guard !path.isEmpty else { throw VecError(.invalidArgument, "--store is empty; name the store's directory") }
    return path
  }
}

/// The documented environment variables, read here and nowhere else.
enum Environment {
  static var kernelTier: String? { value("VECD_KERNEL_TIER") }

  static func storePath() throws(VecError) -> String {
    if let path = value("VECD_STORE") { return path }
    guard let home = value("HOME") else {
      throw VecError(.invalidArgument, "neither --store, VECD_STORE nor HOME says where the store is; give --store DIR")
    }
    return home + "/.vecd"
  }

  /// Nil when unset or empty.
  private static func value(_ name: String) -> String? {
    guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
    return text
  }
}

/// Prints a `VecError` as one line and ends with its exit status.
func reportingErrors(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as VecError {
    throw told(error)
  }
}

/// Prints an error as one line; what to end with.
func told(_ error: VecError) -> ExitCode {
  let line = Array("vecd: \(error)\n".utf8)
  _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  return ExitCode(error.code.exitStatus)
}
