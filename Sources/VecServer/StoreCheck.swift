package import VecCore
import VecEngine

/// Verifies a store that no daemon has open.
package enum StoreCheck {
  package struct Result: Sendable {
    package var report: VerifyReport
    /// Collections that recovery fenced, and why.
    package var fences: [(collection: String, reason: String)]
    package var collectionCount: Int
    /// Files of segments that the manifest does not know: what interrupted work left, unless the manifest is damaged.
    package var leftovers: [String]

    package var isSound: Bool { report.findings.isEmpty && fences.isEmpty }

    /// A line per damage, and one that sums up.
    package var text: String {
      let damage = fences.map { "\($0.collection): \($0.reason)" }
        + report.findings.map { "\($0.collection): \($0.file): \($0.message)" }
      let sum = "collections \(collectionCount), files \(report.fileCount), bytes \(report.byteCount): "
        + (isSound ? "all sound" : "findings \(damage.count)")
      let left = leftovers.isEmpty ? [] : ["leftovers \(leftovers.count): \(leftovers.joined(separator: " "))"]
      return (damage + left + [sum]).joined(separator: "\n")
    }

    package var json: JSON {
      .object([
        ("collections", .count(collectionCount)), ("files", .count(report.fileCount)),
        ("bytes", .count(report.byteCount)),
        ("fences", .array(fences.map { .object([("collection", .string($0.collection)), ("reason", .string($0.reason))]) })),
        (
          "findings",
          .array(
            report.findings.map {
              .object([
                ("collection", $0.collection.isEmpty ? .null : .string($0.collection)), ("file", .string($0.file)),
                ("message", .string($0.message)),
              ])
            })
        ), ("leftovers", .array(leftovers.map { .string($0) })),
      ])
    }
  }

  /// Opens the store under its lock, reads every byte and closes it. Nothing is removed; a log that the last daemon
  /// could not fold into the manifest is folded, because SQLite reads the two as one.
  ///
  /// - Throws: `file-not-found` when there is no store, `store-in-use` when a daemon holds it, `manifest-damaged`.
  package static func run(storePath: String, kernelTier: String?) throws(VecError) -> Result {
    // Opening would make a store where there is none: a check must not.
    guard ProcessFacts.isFile(storePath + "/manifest.sqlite") else {
      throw VecError(.fileNotFound, "\(storePath) holds no store (manifest.sqlite is missing); name one with --store")
    }
    var options = EngineOptions(
      storePath: storePath, kernelTier: kernelTier, memoryBudget: 1 << 30, now: wallClockMilliseconds,
      makeUUID: randomUUID)
    options.keepsLeftovers = true
    let engine = try Engine(options)
    defer { engine.close() }
    let fences = engine.recovery.fences.map { (collection: $0.collection, reason: $0.reason) }
    var report = try engine.verify(nil)
    if let doubt = engine.recovery.doubt {
      report.findings.append(.init(collection: "", file: storePath + "/manifest.sqlite-wal", message: doubt))
    }
    return Result(
      report: report, fences: fences, collectionCount: engine.recovery.collectionCount,
      leftovers: engine.recovery.keptFiles)
  }
}
