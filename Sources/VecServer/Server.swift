import Dispatch
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
package import VecCore
package import VecEngine

/// A running daemon: opens the store, listens, serves, stops.
///
/// Thread rule: `init` and `stop` once each, from any thread; `run` is for a `ServiceGroup`.
package final class Server: Service {
  package let socketPath: String
  let daemon: Daemon
  private let socket: ListenSocket
  private let loops: MultiThreadedEventLoopGroup
  private let listener = Mutex<(any Channel)?>(nil)

  /// Opens the store with its recovery and binds the socket; nobody is served before `start`.
  ///
  /// - Throws: `VecError` for options out of range, a store or socket held by another process, and damage to the
  ///   manifest. Damaged collections are no error: they are fenced, and logged.
  ///
  /// - Parameter commit: carries out writes instead of the engine, for tests.
  package init(
    options: ServerOptions, logger: Logger,
    commit: (@Sendable ([Write]) -> [Result<WriteReceipt, VecError>])? = nil
  ) throws(VecError) {
    try options.check()
    let engine = try Engine(Self.engineOptions(options))
    do throws(VecError) {
      socket = try ListenSocket(
        path: options.effectiveSocketPath, mode: options.allowedUids.isEmpty ? 0o600 : 0o666)
    } catch {
      engine.close()
      throw error
    }
    socketPath = socket.path
    loops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(4, ProcessFacts.coreCount / 4)))
    daemon = Daemon(options: options, engine: engine, logger: logger, loops: loops, commit: commit)
    logStart()
    daemon.upkeep.wake(daemon)
    daemon.scrub.start(daemon, bytesPerSecond: options.scrubRate)
    daemon.exclusionSweep.start(daemon)
    daemon.captureSaving.start(daemon)
  }

  /// Requests accepted and not yet answered.
  package var acceptedCount: Int { daemon.acceptedCount }

  /// Requests that wait or run in the lane for searches.
  package var searchLoad: Lane.Load { daemon.pool.reads.currentLoad }

  /// Begins to listen.
  package func start() async throws(VecError) {
    guard let descriptor = socket.takeDescriptor() else {
      throw VecError(.internalDefect, "the server was started twice")
    }
    let doorkeeper = Doorkeeper(daemon)
    let bootstrap = ServerBootstrap(group: loops)
      .serverChannelInitializer { channel in
        // Out of descriptors: wait a second before the next accept instead of trying in a loop.
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler()) }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try doorkeeper.receive(channel) }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
      .childChannelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 1 << 20))
    do {
      let channel = try await bootstrap.withBoundSocket(descriptor).get()
      listener.withLock { $0 = channel }
    } catch {
      throw VecError(.cannotCreate, "socket \(socketPath): listening failed with \(error)")
    }
    daemon.logger.notice("listening", metadata: ["socket.path": "\(socketPath)"])
  }

  /// Serves until the group shuts down gracefully, the task is cancelled, or the store takes no more writes; then stops.
  ///
  /// - Throws: `io-error` in the last case, for a process that ends with status 74 and is started again.
  package func run() async throws {
    do throws(VecError) {
      try await start()
    } catch {
      await stop()
      throw error
    }
    let failure = await withTaskGroup(of: VecError?.self) { group in
      group.addTask {
        try? await gracefulShutdown()
        return nil
      }
      group.addTask { [daemon] in
        for await failure in daemon.failures { return failure }
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    await stop()
    if let failure {
      throw VecError(.ioError, "writes have stopped, and with them this daemon; start it again (\(failure))")
    }
  }

  private static func engineOptions(_ options: ServerOptions) -> EngineOptions {
    var engine = EngineOptions(
      storePath: options.storePath, kernelTier: options.kernelTier,
      memoryBudget: options.memoryBudget - options.requestBytesMax, now: wallClockMilliseconds,
      makeUUID: randomUUID, segmentRows: options.segmentRows, workers: ProcessFacts.coreCount,
      runWorkers: { count, body in DispatchQueue.concurrentPerform(iterations: count, execute: body) })
    engine.ballastByteCount = options.ballast
    return engine
  }

  private func logStart() {
    let found = daemon.engine.recovery
    daemon.logger.notice(
      "started",
      metadata: [
        "version": "\(VecVersion.number)", "store.path": "\(daemon.options.storePath)",
        "kernel.tier": "\(daemon.engine.statistics.kernelTier)", "threads": "\(daemon.options.threads)",
        "memory.budget": "\(daemon.options.memoryBudget)", "collection.count": "\(found.collectionCount)",
        "segment.count": "\(found.segmentCount)", "segment.bytes": "\(found.byteCount)",
        "write.count": "\(found.writeCount)",
      ])
    for damage in found.damagedSets {
      daemon.logger.warning(
        "named set damaged", metadata: ["collection.name": "\(damage.collection)", "reason": "\(damage.reason)"])
    }
    for name in found.damagedCaptures {
      daemon.logger.warning("captured queries damaged", metadata: ["collection.name": "\(name)"])
    }
    for fence in found.fences {
      daemon.logger.warning(
        "collection damaged", metadata: ["collection.name": "\(fence.collection)", "reason": "\(fence.reason)"])
    }
    if let doubt = found.doubt { daemon.logger.warning("manifest doubtful", metadata: ["reason": "\(doubt)"]) }
    if !found.keptFiles.isEmpty {
      daemon.logger.warning("leftovers kept", metadata: ["file.names": "\(found.keptFiles.joined(separator: " "))"])
    }
    if !found.removedFiles.isEmpty {
      daemon.logger.info("leftovers removed", metadata: ["file.count": "\(found.removedFiles.count)"])
    }
  }
}

extension Server {
  /// Stops accepting, answers new requests `shutting-down`, finishes accepted ones within the limit, rolls back open
  /// ingests, closes the store and removes the socket.
  package func stop() async {
    daemon.beginStopping()
    let channel = listener.withLock { listener in
      defer { listener = nil }
      return listener
    }
    try? await channel?.close().get()
    Dispatcher(daemon: daemon).refuseParked()
    // What could be answered has been answered when writes have stopped: then a restart is worth more than the rest.
    let patience = daemon.hasFailed ? 500_000_000 : UInt64(daemon.options.stopLimitSeconds) * 1_000_000_000
    let limit = MonotonicTime.now() + patience
    let isDrained = await wait(until: limit) { self.daemon.acceptedCount == 0 }
    if !isDrained { daemon.abort() }
    daemon.connections.closeAll()
    let grace = max(limit, MonotonicTime.now() + (daemon.hasFailed ? 300_000_000 : 2_000_000_000))
    _ = await wait(until: grace) { self.daemon.connections.openCount == 0 }
    // Rolling back runs on the write lane, so that lane finishes its queue; the others drop theirs.
    daemon.pool.reads.stop(droppingQueued: true)
    daemon.pool.maintenance.stop(droppingQueued: true)
    daemon.pool.upkeep.stop(droppingQueued: true)
    daemon.pool.scrub.stop(droppingQueued: true)
    daemon.pool.gauge.stop(droppingQueued: true)
    daemon.pool.writes.stop(droppingQueued: false)
    let isStopped = await wait(until: grace) { self.daemon.pool.lanes.allSatisfy(\.isStopped) }
    if isStopped {
      daemon.captureSaving.save(daemon)
      daemon.engine.close()
      try? await loops.shutdownGracefully()
    }
    socket.remove()
    // Work that did not end in time is cut off by the end of the process, like a power failure: nothing of it counts.
    daemon.logger.notice(
      "stopped", metadata: ["requests.finished": "\(isDrained)", "work.cut_off": "\(!isStopped)"])
  }

  /// Looks every few milliseconds; false when the time passed first. Stopping is too rare for anything cleverer.
  private func wait(until limit: UInt64, _ isDone: () -> Bool) async -> Bool {
    while !isDone() {
      guard MonotonicTime.now() < limit, !Task.isCancelled else { return false }
      try? await Task.sleep(nanoseconds: 2_000_000)
    }
    return true
  }
}

/// 16 random bytes from the operating system.
func randomUUID() -> UUID {
  var random = SystemRandomNumberGenerator()
  return UUID(high: random.next(), low: random.next())
}
