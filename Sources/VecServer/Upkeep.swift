import Glibc
import Logging
import Synchronization
import VecCore
import VecEngine

/// Does what writes make necessary (sealing, merging, rebuilding) on a thread of its own, one step after the other, and
/// pauses after a failure: a full disk is tried again, but not all the time.
///
/// Thread rule: any thread may call `wake`; the work runs on the upkeep lane.
final class Upkeep: Sendable {
  /// The pause after a failure doubles from the first to the last.
  private static let pauseMilliseconds = (first: 1_000, last: 60_000)

  private struct State {
    var isRunning = false
    var isWanted = false
    var steps: UInt64 = 0
    var failures: UInt64 = 0
    var lastError: String?
  }

  private let state = Mutex(State())

  /// Has the lane look whether something is due, if it is.
  func wake(_ daemon: Daemon) {
    guard daemon.engine.isUpkeepDue, !daemon.isStopping else { return }
    let mustStart = state.withLock { state in
      state.isWanted = true
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard mustStart else { return }
    let isQueued = daemon.pool.upkeep.submit(.admitted) { self.run(daemon) }
    if !isQueued { state.withLock { $0.isRunning = false } }
  }

  private func run(_ daemon: Daemon) {
    var pause = Self.pauseMilliseconds.first
    while isStillWanted(daemon) {
      do throws(VecError) {
        while !daemon.isStopping, daemon.engine.isUpkeepDue, try step(daemon) {
          pause = Self.pauseMilliseconds.first
        }
      } catch {
        fail(error, daemon, pause: pause)
        if daemon.isStopping { continue }
        wait(milliseconds: pause, daemon)
        pause = min(2 * pause, Self.pauseMilliseconds.last)
        state.withLock { $0.isWanted = true }
      }
    }
  }

  /// Ends the run when nothing was asked for since the last look.
  private func isStillWanted(_ daemon: Daemon) -> Bool {
    state.withLock { state in
      state.isRunning = state.isWanted && !daemon.isStopping
      state.isWanted = false
      return state.isRunning
    }
  }

  /// False when nothing was due.
  private func step(_ daemon: Daemon) throws(VecError) -> Bool {
    let start = MonotonicTime.now()
    guard let done = try daemon.engine.upkeep(shouldStop: { daemon.isStopping }) else { return false }
    state.withLock { state in
      state.steps += 1
      state.lastError = nil
    }
    daemon.logger.notice(
      "upkeep",
      metadata: [
        "act": "\(done.act.rawValue)", "collection.name": "\(done.collection)", "generation.label": "\(done.generation)",
        "reason": "\(done.reason)", "row.count": "\(done.rowCount)",
        "duration.ms": "\((MonotonicTime.now() - start) / 1_000_000)",
      ])
    daemon.retryParked()
    return true
  }

  private func fail(_ error: VecError, _ daemon: Daemon, pause: Int) {
    if let stopped = daemon.engine.stoppedWriting { return daemon.fail(stopped) }
    if daemon.isStopping { return }  // called off, not failed
    state.withLock { state in
      state.failures += 1
      state.lastError = "\(error)"
    }
    daemon.logger.error("upkeep failed", metadata: ["error": "\(error)", "pause.ms": "\(pause)"])
  }

  /// In short steps, so that a stop does not wait for it.
  private func wait(milliseconds: Int, _ daemon: Daemon) {
    let end = MonotonicTime.now() + UInt64(milliseconds) * 1_000_000
    while !daemon.isStopping, MonotonicTime.now() < end { usleep(20_000) }
  }

  func json(isDue: Bool) -> JSON {
    let now = state.withLock { $0 }
    return .object([
      ("due", .bool(isDue)), ("steps", .count(now.steps)), ("failures", .count(now.failures)),
      ("last_error", .optional(now.lastError)),
    ])
  }
}
