import ArgumentParser
import VecCore
import VecServer

struct Repair: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give up what is damaged in a store that no daemon has open, so that the rest is served again.",
    discussion: """
      Without --apply it only tells what is damaged and what would be lost. A backup (vecctl restore) loses less.
      Damaged segment files are moved to damaged/ in the store. Exits with status 74 as long as something is damaged.

      Examples:
        vecd repair --store ./store
        vecd repair --store ./store --apply
      """)

  @OptionGroup var location: StoreLocation
  @Flag(help: "Do it.") var apply = false
  @Flag(help: "Write one JSON object to stdout; its shape is in docs/COMMANDS.md.") var json = false

  func run() async throws {
    try await reportingErrors {
      try ServerProcess.prepare()
      let result = try RepairRun.run(storePath: try location.path(), apply: apply)
      print(json ? result.json.text : result.text)
      if !result.isSound { throw ExitCode(VecErrorCode.segmentDamaged.exitStatus) }
    }
  }
}
