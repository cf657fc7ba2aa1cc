import Logging
import VecCore
import VecEngine

/// Every few minutes writes the captured queries that changed into the manifest; a clean stop does so too.
///
/// Thread rule: `start` once; the work runs on the upkeep lane.
final class CaptureSaving: Sendable {
  private static let pauseMilliseconds = 300_000

  func start(_ daemon: Daemon) {
    daemon.later(milliseconds: Self.pauseMilliseconds) {
      guard !daemon.isStopping else { return }
      _ = daemon.pool.upkeep.submit(.admitted) {
        self.run(daemon)
        self.start(daemon)
      }
    }
  }

  private func run(_ daemon: Daemon) {
    do throws(VecError) {
      try daemon.engine.saveCaptures()
    } catch {
      if let stopped = daemon.engine.stoppedWriting { return daemon.fail(stopped) }
      if !daemon.isStopping { daemon.logger.error("captured queries not saved", metadata: ["error": "\(error)"]) }
    }
  }
}
