import Logging
import VecCore
import VecEngine

/// Once a minute removes the exclude sets of which nothing counts any more.
///
/// Thread rule: `start` once; the work runs on the upkeep lane.
final class ExclusionSweep: Sendable {
  private static let pauseMilliseconds = 60_000
  /// Sets of one commit, which other writes wait for.
  private static let portion = 256
  /// Sets of one round, so that upkeep that is due does not wait for long.
  private static let roundMax = 16_384

  func start(_ daemon: Daemon) {
    daemon.repeatedly(every: Self.pauseMilliseconds) { self.run(daemon) }
  }

  private func run(_ daemon: Daemon) {
    var total = 0
    do throws(VecError) {
      while !daemon.isStopping, total < Self.roundMax {
        let count = try daemon.engine.forgetEndedExclusions(limit: Self.portion)
        total += count
        if count < Self.portion { break }
      }
    } catch {
      if let stopped = daemon.engine.stoppedWriting { return daemon.fail(stopped) }
      // Tried again in a minute: a full disk, say.
      if !daemon.isStopping { daemon.logger.error("exclude sets not removed", metadata: ["error": "\(error)"]) }
    }
    if total > 0 { daemon.logger.info("exclude sets removed", metadata: ["set.count": "\(total)"]) }
  }
}
