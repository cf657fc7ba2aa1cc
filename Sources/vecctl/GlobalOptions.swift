import ArgumentParser
import Glibc
import VecClient
import VecCore

/// The options of every verb.
struct GlobalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Socket of the daemon. Default: $VECD_SOCKET, then vecd.sock in $VECD_STORE, then in ~/.vecd.", valueName: "path"))
  var socket: String?

  @Flag(help: "Write one JSON object to stdout; shapes are in docs/COMMANDS.md.")
  var json = false

  /// The socket that the options or the environment name, or where `vecd serve` listens in the same environment.
  func socketPath() throws(VecError) -> String {
    let path: String
    if let socket {
      path = socket
    } else if let named = Self.environment("VECD_SOCKET") {
      path = named
    } else if let store = Self.environment("VECD_STORE") {
      path = store + "/vecd.sock"
    } else if let home = Self.environment("HOME") {
      path = home + "/.vecd/vecd.sock"
    } else {
      throw VecError(.invalidArgument, "no socket is named and $HOME is not set; add --socket PATH")
    }
    guard (1...Limits.socketPathBytesMax).contains(path.utf8.count) else {
      throw VecError(
        .invalidArgument,
        "socket path \(Names.quoted(path)) has \(path.utf8.count) bytes, must be 1 to \(Limits.socketPathBytesMax); "
          + "use a shorter or relative path")
    }
    return path
  }

  /// Connects, does `body`, and closes, whatever came of it.
  func withClient<R>(_ body: (VecClient) async throws -> R) async throws -> R {
    let client = try await VecClient.connect(socketPath: try socketPath())
    do {
      let result = try await body(client)
      client.close()
      return result
    } catch {
      client.close()
      throw error
    }
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
