import ArgumentParser
import VecCore
import VecServer

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verify every byte of a store that no daemon has open.",
    discussion: """
      Prints one line per damage found and exits with status 74 if there is any. Nothing is removed: leftovers of
      interrupted writes are named, and the next start removes them. SQLite may fold the manifest's log into it.

      Example:
        vecd check --store ./store
      """)

  @OptionGroup var location: StoreLocation
  @Flag(help: "Write one JSON object to stdout; its shape is in docs/COMMANDS.md.") var json = false

  func run() async throws {
    try await reportingErrors {
      try ServerProcess.prepare()
      let result = try StoreCheck.run(storePath: try location.path(), kernelTier: Environment.kernelTier)
      print(json ? result.json.text : result.text)
      if !result.isSound { throw ExitCode(VecErrorCode.segmentDamaged.exitStatus) }
    }
  }
}
