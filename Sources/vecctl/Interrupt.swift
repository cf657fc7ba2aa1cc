import Dispatch
import Glibc

/// Turns Ctrl-C and SIGTERM into the cancellation of a task, so that it can undo what it began and say so.
///
/// A second signal, or no end within `patience`, ends the process at once; the daemon then undoes the work of the lost
/// connection by itself.
final class Interrupt {
  private let sources: [any DispatchSourceSignal]

  /// The exit status after a signal, as shells tell it.
  static let exitStatus: Int32 = 130
  private static let patience = DispatchTimeInterval.seconds(3)

  init(cancelling task: Task<some Sendable, some Error>, lastWords: String) {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { @Sendable in
        if task.isCancelled { Self.leave(lastWords) }
        task.cancel()
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { @Sendable in Self.leave(lastWords) }
      }
      source.activate()
      return source
    }
  }

  /// From now on the signals end the process as usual.
  func lift() {
    for source in sources { source.cancel() }
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }

  private static func leave(_ words: String) {
    Output.talk("vecctl: interrupted; \(words)")
    _exit(exitStatus)
  }
}
