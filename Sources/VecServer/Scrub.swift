import Glibc
import Logging
import Synchronization
import VecCore
import VecEngine

/// Reads all segments again and again at a limited rate, so that bytes which changed on the disk are found before they are
/// needed. What it finds is logged and fenced.
///
/// Thread rule: `start` once; the work runs on the scrub lane; `json` from any thread.
final class Scrub: Sendable {
  /// Between two rounds, and where there is nothing to read.
  private static let pauseMilliseconds = 60_000

  private struct State {
    var rounds: UInt64 = 0
    var segments: UInt64 = 0
    var bytes: UInt64 = 0
    var findings: UInt64 = 0
  }

  private let state = Mutex(State())

  /// - Parameter bytesPerSecond: 0 for no scrub.
  func start(_ daemon: Daemon, bytesPerSecond: Int) {
    guard bytesPerSecond > 0 else { return }
    _ = daemon.pool.scrub.submit(.admitted) { self.run(daemon, bytesPerSecond) }
  }

  private func run(_ daemon: Daemon, _ bytesPerSecond: Int) {
    var last: UUID?
    while !daemon.isStopping {
      let pace = Pace(bytesPerSecond: bytesPerSecond) { daemon.isStopping }
      let read = daemon.engine.scrub(after: last) { byteCount in
        self.state.withLock { $0.bytes += UInt64(byteCount) }
        pace.spend(byteCount)
      }
      last = read?.segment
      state.withLock { state in
        if read == nil { state.rounds += 1 } else { state.segments += 1 }
        if read?.finding != nil { state.findings += 1 }
      }
      if let finding = read?.finding {
        daemon.logger.error(
          "damage found",
          metadata: [
            "collection.name": "\(finding.collection)", "file": "\(finding.file)", "reason": "\(finding.message)",
          ])
      }
      if read == nil { Pace.wait(milliseconds: Self.pauseMilliseconds) { daemon.isStopping } }
    }
  }

  func json(bytesPerSecond: Int) -> JSON {
    let now = state.withLock { $0 }
    return .object([
      ("bytes_per_second", .count(bytesPerSecond)), ("rounds", .count(now.rounds)), ("segments", .count(now.segments)),
      ("bytes", .count(now.bytes)), ("findings", .count(now.findings)),
    ])
  }
}

/// Holds a thread up so that it does no more than so many bytes a second.
private final class Pace {
  private let bytesPerSecond: Int
  private let isOver: () -> Bool
  private let start = MonotonicTime.now()
  private var spent: UInt64 = 0

  init(bytesPerSecond: Int, isOver: @escaping () -> Bool) {
    self.bytesPerSecond = bytesPerSecond
    self.isOver = isOver
  }

  func spend(_ byteCount: Int) {
    spent += UInt64(byteCount)
    let due = start + spent * 1_000_000 / UInt64(bytesPerSecond) * 1_000
    let now = MonotonicTime.now()
    if due > now { Self.wait(milliseconds: Int((due - now) / 1_000_000), until: isOver) }
  }

  /// In short steps, so that a stop does not wait for it.
  static func wait(milliseconds: Int, until isOver: () -> Bool) {
    let end = MonotonicTime.now() + UInt64(milliseconds) * 1_000_000
    while !isOver(), MonotonicTime.now() < end { usleep(20_000) }
  }
}
