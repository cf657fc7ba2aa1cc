import Logging
import NIOCore
import Synchronization
import VecCore
import VecEngine

/// What all connections and workers of one running daemon share.
///
/// Thread rule: any thread may call.
final class Daemon: Sendable {
  typealias Commit = @Sendable ([Write]) -> [Result<WriteReceipt, VecError>]

  let options: ServerOptions
  let engine: Engine
  let pool: WorkerPool
  let budget: ByteBudget
  let requests = RequestStatistics()
  let writes = WriteStatistics()
  let group = WriteGroup()
  let parked = ParkedSearches()
  let directSearches = DirectSearches()
  let upkeep = Upkeep()
  let scrub = Scrub()
  let exclusionSweep = ExclusionSweep()
  let gauge = RecallGauge()
  let captureSaving = CaptureSaving()
  let connections: ConnectionTable
  let logger: Logger
  let startedAt = MonotonicTime.now()

  /// Carries out writes in one commit: the engine, but in tests of what surrounds it.
  let commit: Commit
  private let loops: any EventLoopGroup
  /// What ends the daemon before anybody asks it to; at most one.
  let failures: AsyncStream<VecError>
  private let failed: AsyncStream<VecError>.Continuation

  private let failing = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  private let aborting = Atomic<Bool>(false)
  private let accepted = Atomic<Int>(0)

  init(options: ServerOptions, engine: Engine, logger: Logger, loops: any EventLoopGroup, commit: Commit?) {
    self.options = options
    self.engine = engine
    self.logger = logger
    self.loops = loops
    self.commit = commit ?? { engine.write($0) }
    (failures, failed) = AsyncStream.makeStream()
    pool = WorkerPool(threads: options.threads, queueMax: options.queueMax)
    budget = ByteBudget(limit: options.requestBytesMax)
    connections = ConnectionTable(limit: options.connectionsMax, rule: PeerRule(allowedUids: options.allowedUids))
  }

  /// New requests are answered `shutting-down`.
  var isStopping: Bool { stopping.load(ordering: .relaxed) }

  /// The time for finishing is over: searches under way give up.
  var isAborting: Bool { aborting.load(ordering: .relaxed) }

  func beginStopping() { stopping.store(true, ordering: .relaxed) }

  /// The store takes no more writes.
  var hasFailed: Bool { failing.load(ordering: .relaxed) }

  /// Ends the daemon because the store takes no more writes until it is opened again. Only the first time counts.
  func fail(_ error: VecError) {
    guard !failing.exchange(true, ordering: .relaxed) else { return }
    logger.critical("writes stopped", metadata: ["error": "\(error)"])
    beginStopping()
    failed.yield(error)
  }

  /// After what may have raised a sequence number, or made upkeep due.
  func changed() {
    retryParked()
    upkeep.wake(self)
  }

  /// Runs `body` on an event loop after a while; never once these have ended.
  func later(milliseconds: Int, _ body: @escaping @Sendable () -> Void) {
    loops.next().scheduleTask(in: .milliseconds(Int64(milliseconds)), body)
  }

  /// Runs `body` on the upkeep lane again and again, with a pause before each time, until the daemon stops.
  func repeatedly(every milliseconds: Int, _ body: @escaping @Sendable () -> Void) {
    later(milliseconds: milliseconds) {
      guard !self.isStopping else { return }
      _ = self.pool.upkeep.submit(.admitted) {
        body()
        self.repeatedly(every: milliseconds, body)
      }
    }
  }

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
