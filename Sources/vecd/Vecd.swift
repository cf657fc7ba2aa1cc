import ArgumentParser
import VecCore

/// The daemon's command line: arguments in, calls out.
@main
struct Vecd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vecd",
    abstract: "A vector index database daemon for candidate recall.",
    discussion: """
      Examples:
        vecd serve --store /var/lib/vecd
        vecd serve --store ./store --socket /run/vecd/vecd.sock --threads 8 --memory-budget 16G
        vecd check --store ./store
        vecd repair --store ./store

      Environment:
        VECD_STORE        the store directory when --store is not given (default: ~/.vecd)
        VECD_KERNEL_TIER  greatest kernel tier to use, e.g. scalar or avx2 (default: the best of this CPU)
      """,
    version: VecVersion.writer,
    subcommands: [Serve.self, Check.self, Repair.self])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var verb = command as? any AsyncParsableCommand { try await verb.run() } else { try command.run() }
    } catch {
      // Help and version are "errors" of status 0; a wrong command line is told in one line, as every other failure.
      guard !(error is ExitCode), exitCode(for: error) == .validationFailure else { exit(withError: error) }
      let words = message(for: error).split(separator: "\n").joined(separator: " ")
      exit(withError: told(VecError(.invalidArgument, "\(words); see vecd --help")))
    }
  }
}
