import Synchronization
import VecCore
import VecEngine

/// Counts of single writes, and of the commits that made them durable.
///
/// Thread rule: any thread may call.
final class WriteStatistics: Sendable {
  private struct Counts {
    var groups: UInt64 = 0
    var largestGroup = 0
    var writes: UInt64 = 0
    var rows: UInt64 = 0
    var deletedIds: UInt64 = 0
    var repeated: UInt64 = 0
  }

  private let counts = Mutex(Counts())

  /// After a commit. One that all writes failed in does not count.
  func record(_ writes: [Write], _ results: [Result<WriteReceipt, VecError>]) {
    let isDone = results.contains { if case .success = $0 { true } else { false } }
    guard isDone else { return }
    counts.withLock { counts in
      counts.groups += 1
      counts.largestGroup = max(counts.largestGroup, writes.count)
      for case (let write, .success(let receipt)) in zip(writes, results) {
        counts.writes += 1
        guard !receipt.isRepeated else {
          counts.repeated += 1
          continue
        }
        switch write {
        case .upsert(let upsert): counts.rows += UInt64(upsert.ids.count)
        case .delete: counts.deletedIds += receipt.existing
        }
      }
    }
  }

  var json: JSON {
    let now = counts.withLock { $0 }
    return .object([
      ("groups", .count(now.groups)), ("largest_group", .count(now.largestGroup)), ("writes", .count(now.writes)),
      ("rows", .count(now.rows)), ("deleted_ids", .count(now.deletedIds)), ("repeated", .count(now.repeated)),
    ])
  }
}
