import ArgumentParser
import VecCore
import VecServer

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verify every byte of a store that no daemon has open.",
    discussion: """
      Prints one line per damage found and exits with status 74 if there is any. Leftovers of interrupted writes are
      removed, as at every start; nothing else is changed.

      Example:
        vecd check --store ./store
      """)

  @OptionGroup var location: StoreLocation

  func run() async throws {
    try await reportingErrors {
      try ServerProcess.prepare()
      let result = try StoreCheck.run(storePath: try location.path(), kernelTier: Environment.kernelTier)
      for fence in result.fences { print("\(fence.collection): \(fence.reason)") }
      for finding in result.report.findings { print("\(finding.collection): \(finding.file): \(finding.message)") }
      print(
        "\(result.collectionCount) collections, \(result.report.fileCount) files, \(result.report.byteCount) bytes "
          + "checked: \(result.isSound ? "sound" : "\(result.report.findings.count + result.fences.count) findings")")
      if !result.isSound { throw ExitCode(VecErrorCode.segmentDamaged.exitStatus) }
    }
  }
}
