import Logging
import VecCore
import VecEngine

/// Writes the captured queries that changed into the manifest: every few minutes, and at a clean stop.
///
/// Thread rule: `start` once; the work runs on the upkeep lane, and when that has stopped on whose thread `save` is called.
final class CaptureSaving: Sendable {
  private static let pauseMilliseconds = 300_000

  func start(_ daemon: Daemon) {
    daemon.repeatedly(every: Self.pauseMilliseconds) { self.save(daemon) }
  }

  func save(_ daemon: Daemon) {
    do throws(VecError) {
      try daemon.engine.saveCaptures()
    } catch {
      // Nothing is promised of them: what ends the writing is told by whoever is promised something.
      daemon.logger.error("captured queries not saved", metadata: ["error": "\(error)"])
      if let stopped = daemon.engine.stoppedWriting { daemon.fail(stopped) }
    }
  }
}
