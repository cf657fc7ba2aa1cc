package import VecCore
package import VecEngine

/// Repairs a store that no daemon has open, or tells what a repair would do.
package enum RepairRun {
  package struct Result: Sendable {
    package var findings: [StoreRepair.Finding]
    package var isApplied: Bool

    /// Nothing is damaged any more.
    package var isSound: Bool { findings.allSatisfy { isApplied && $0.isRepairable } }

    package var text: String {
      let lines = findings.map { finding in
        "\(finding.collection)\(finding.generation.map { ", generation \($0)" } ?? ""): \(finding.damage): "
          + finding.consequence
      }
      let end =
        findings.isEmpty
        ? "nothing is damaged"
        : isApplied
          ? "given up: \(findings.filter(\.isRepairable).count), left: \(findings.filter { !$0.isRepairable }.count)"
          : "nothing was changed; a backup is better, else repeat with --apply"
      return (lines + [end]).joined(separator: "\n")
    }

    package var json: JSON {
      .object([
        ("applied", .bool(isApplied)),
        (
          "findings",
          .array(
            findings.map {
              .object([
                ("collection", .string($0.collection)), ("generation", .optional($0.generation)),
                ("damage", .string($0.damage)), ("consequence", .string($0.consequence)),
                ("repairable", .bool($0.isRepairable)),
              ])
            })
        ),
      ])
    }
  }

  /// - Throws: `file-not-found` when there is no store, `store-in-use` when a daemon holds it, `manifest-damaged`.
  package static func run(storePath: String, apply: Bool) throws(VecError) -> Result {
    guard ProcessFacts.isFile(storePath + "/manifest.sqlite") else {
      throw VecError(.fileNotFound, "\(storePath) holds no store (manifest.sqlite is missing); name one with --store")
    }
    let repair = try StoreRepair(storePath: storePath)
    defer { repair.close() }
    if apply { try repair.apply() }
    return Result(findings: repair.findings, isApplied: apply)
  }
}
