import ArgumentParser
import VecCore

/// The command line of vecd. Each verb is a file of `Verbs/`.
@main struct Vecctl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vecctl",
    abstract: "Fill, publish and search the collections of a running vecd.",
    usage: "vecctl [--socket PATH] [--json] VERB ...",
    discussion: """
      A first round:
        vecctl create books --dim 64 --metric ip
        vecctl ingest books items.npy --ids ids.npy --generation monday
        vecctl build-index books --type flat --wait
        vecctl publish books monday
        vecctl search books --queries users.npy -k 100 --out result

      Data goes to stdout, talk to stderr. The exit status follows sysexits.h: 64 usage, 65 data, 66 no input,
      69 no daemon, 73 cannot create, 74 I/O, 75 try again, 76 protocol, 77 permission.
      """,
    version: VecVersion.number,
    subcommands: [
      Create.self, Ingest.self, BuildIndex.self, Publish.self, Rollback.self, Generations.self, Search.self, Get.self,
      Upsert.self, Delete.self, List.self, Stats.self, Verify.self, Inspect.self, Drop.self, CancelBuild.self, Seal.self,
      Compact.self, Exclude.self, Bias.self, Snapshot.self, Restore.self, Describe.self, AddAttribute.self,
      Configure.self, Captured.self, Bench.self, Ping.self,
    ])

  @OptionGroup var global: GlobalOptions

  static func main() async {
    let arguments = globalOptionsBehindVerb(Array(CommandLine.arguments.dropFirst()))
    do {
      var command = try parseAsRoot(arguments)
      if var verb = command as? any AsyncParsableCommand { try await verb.run() } else { try command.run() }
    } catch let code as ExitCode {
      exit(withError: code)
    } catch {
      // Help and version are "errors" of status 0.
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      let line = message(for: error).split(separator: "\n").joined(separator: " ")
      ErrorReport(code: .invalidArgument, message: "\(line); see vecctl help").write(
        json: arguments.contains("--json"))
      exit(withError: ExitCode(VecErrorCode.invalidArgument.exitStatus))
    }
  }

  /// `--socket` and `--json` may stand before the verb; the verbs declare them, so they are moved there.
  static func globalOptionsBehindVerb(_ arguments: [String]) -> [String] {
    var rest = arguments[...]
    var moved: [String] = []
    while let first = rest.first {
      if first == "--json" || first.hasPrefix("--socket=") {
        moved.append(first)
        rest = rest.dropFirst()
      } else if first == "--socket", rest.count > 1 {
        moved += rest.prefix(2)
        rest = rest.dropFirst(2)
      } else {
        break
      }
    }
    guard let verb = rest.first, !verb.hasPrefix("-"), verb != "help" else { return Array(rest) }
    return [verb] + moved + rest.dropFirst()
  }
}
