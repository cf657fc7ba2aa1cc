import Logging
import NIOCore
import Synchronization
import VecCore
import VecEngine

/// What all connections and workers of one running daemon share.
///
/// Thread rule: any thread may call.
final class Daemon: Sendable {
  let options: ServerOptions
  let engine: Engine
  let pool: WorkerPool
  let budget: ByteBudget
  let requests = RequestStatistics()
  let connections: ConnectionTable
  let logger: Logger
  let startedAt = MonotonicTime.now()

  private let stopping = Atomic<Bool>(false)
  private let aborting = Atomic<Bool>(false)
  private let accepted = Atomic<Int>(0)

  init(options: ServerOptions, engine: Engine, logger: Logger) {
    self.options = options
    self.engine = engine
    self.logger = logger
    pool = WorkerPool(threads: options.threads, queueMax: options.queueMax)
    budget = ByteBudget(limit: options.requestBytesMax)
    connections = ConnectionTable(limit: options.connectionsMax, rule: PeerRule(allowedUids: options.allowedUids))
  }

  /// New requests are answered `shutting-down`.
  var isStopping: Bool { stopping.load(ordering: .relaxed) }

  /// The time for finishing is over: searches under way give up.
  var isAborting: Bool { aborting.load(ordering: .relaxed) }

  func beginStopping() { stopping.store(true, ordering: .relaxed) }

  func abort() { aborting.store(true, ordering: .relaxed) }

  /// Requests accepted and not yet answered (the reply handed to the kernel) or dropped.
  var acceptedCount: Int { accepted.load(ordering: .acquiring) }

  func requestAccepted() { accepted.add(1, ordering: .releasing) }

  /// Ends a request's account: its bytes and its place among the accepted.
  func requestEnded(chargedByteCount: Int) {
    budget.giveBack(chargedByteCount)
    accepted.subtract(1, ordering: .releasing)
  }
}
