import ArgumentParser
import Glibc
import VecClient
import VecCore
import VecStorage

struct Verify: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Read every byte and report damage; exit status 74 when there is any.",
    discussion: """
      Without NAME the whole store. With --files segment files are read directly, without a daemon.

      Examples:
        vecctl verify
        vecctl verify books
        vecctl verify --files backup/*.vseg
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection. Default: all.") var name: String?
  @Option(parsing: .upToNextOption, help: ArgumentHelp("Segment files to read without a daemon.", valueName: "path"))
  var files: [String] = []

  func execute() async throws {
    guard files.isEmpty || name == nil else {
      throw VecError(.invalidArgument, "verify takes a collection or --files, not both")
    }
    let report =
      files.isEmpty
      ? try await global.withClient { client in try await client.verify(collection: name) } : try offline()
    answer(json: Self.json(report), text: Self.text(report))
    guard report.findings.isEmpty else {
      Output.talk("vecctl: \(Readable.count(report.findings.count, "finding", "findings")) [\(VecErrorCode.segmentDamaged.name)]")
      throw ExitCode(VecErrorCode.segmentDamaged.exitStatus)
    }
  }

  private func offline() throws(VecError) -> VerifyReport {
    var whole = VerifyReport()
    for file in files {
      // A file that is not there is the caller's slip, not damage.
      guard access(file, R_OK) == 0 else {
        throw VecError(.fileNotFound, "\(file): cannot be read: \(String(cString: strerror(errno)))")
      }
      let report = SegmentInspection.findings(path: file)
      whole.fileCount += report.fileCount
      whole.byteCount += report.byteCount
      whole.findings += report.findings
    }
    return whole
  }

  private static func json(_ report: VerifyReport) -> JSON {
    let findings = report.findings.map { finding in
      JSON.object([
        ("collection", finding.collection.isEmpty ? .null : .string(finding.collection)),
        ("file", .string(finding.file)), ("message", .string(finding.message)),
      ])
    }
    return .object([
      ("files", .unsigned(report.fileCount)), ("bytes", .unsigned(report.byteCount)), ("findings", .array(findings)),
    ])
  }

  private static func text(_ report: VerifyReport) -> String {
    let lines = report.findings.map { "\($0.collection.isEmpty ? "" : "\($0.collection): ")\($0.file): \($0.message)" }
    let sum = "\(Readable.count(report.fileCount, "file", "files")), \(Readable.bytes(report.byteCount)) read: "
      + (lines.isEmpty ? "all sound" : Readable.count(lines.count, "finding", "findings"))
    return (lines + [sum]).joined(separator: "\n")
  }
}
