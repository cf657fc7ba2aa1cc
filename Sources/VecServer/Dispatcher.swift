import Logging
import VecCore
import VecEngine
import VecProtocol

/// Takes requests to their lane and, there, to the engine.
///
/// Thread rule: `enqueue` and `tidy` are called by event loops and do not block, but for the short searches that
/// `DirectSearches` allows; everything else runs on a lane.
struct Dispatcher: Sendable {
  let daemon: Daemon

  /// Queues a request, or answers it.
  ///
  /// - Parameter isLast: nothing else of its connection is waiting.
  /// - Throws: `overloaded` when its lane is full; nothing of it will be done.
  func enqueue(_ ticket: Ticket, isLast: Bool) throws(VecError) {
    let (lane, admission) = route(ticket.kind)
    daemon.requestAccepted()
    if ticket.kind == .search, answersHere(ticket, isLast: isLast), lane.runHere({ run(ticket) }) { return }
    let isQueued =
      ticket.kind.isSingleWrite
      ? lane.submit(part: { daemon.group.add(ticket, isLast: $0, self) }, byteCount: ticket.body.count)
      : lane.submit(admission) { run(ticket) }
    guard isQueued else {
      daemon.requestEnded(chargedByteCount: 0)
      throw overloaded(lane)
    }
  }

  /// Whether the event loop itself may answer a search.
  private func answersHere(_ ticket: Ticket, isLast: Bool) -> Bool {
    let isSole = daemon.directSearches.isSole(ticket.connection.number)
    guard isSole, isLast, let expected = ticket.connection.searches.expected(ticket.body) else { return false }
    return expected <= DirectSearches.nanosecondsMax
  }

  /// After a connection has ended: rolls back what it left open.
  func tidy(_ connection: Connection) {
    let isQueued = daemon.pool.writes.submit(.admitted) {
      let count = connection.ingests.abandonAll()
      guard count > 0 else { return }
      daemon.logger.info(
        "ingests rolled back",
        metadata: ["connection.id": "\(connection.number)", "ingest.count": "\(count)"])
    }
    if !isQueued { connection.ingests.abandonAll() }
  }

  private func route(_ kind: MessageKind) -> (Lane, Lane.Admission) {
    switch kind {
    case .hello, .ping, .search, .get, .exclusions, .biases, .capturedQueries: (daemon.pool.reads, .bounded)
    case .list, .generations, .stats, .cancelBuild, .describe: (daemon.pool.reads, .urgent)
    case .create, .drop, .ingestBegin, .publish, .rollback, .buildIndex, .upsert, .delete, .addAttribute, .exclude,
      .forgetExclusions, .bias, .forgetBiases, .configure, .publishTogether:
      (daemon.pool.writes, .bounded)
    // A frame of an ingest that was refused would leave a hole: what is admitted is bounded by its connection instead.
    case .ingestRows, .ingestCommit, .ingestAbort: (daemon.pool.writes, .admitted)
    case .verify, .seal, .compact, .snapshot: (daemon.pool.maintenance, .bounded)
    }
  }

  func overloaded(_ lane: Lane) -> VecError {
    if daemon.isStopping { return VecError(.shuttingDown, "the daemon is stopping; connect again when it is back") }
    return VecError(
      .overloaded, "the \(lane.name) queue is full with \(lane.queueMax) requests; nothing was done, try again later")
  }

  func run(_ ticket: Ticket) {
    guard !ticket.connection.isClosed else {
      daemon.requestEnded(chargedByteCount: ticket.chargedByteCount)
      return
    }
    var ticket = ticket
    let start = MonotonicTime.now()
    defer {
      if ticket.kind == .search {
        ticket.connection.searches.add(ticket.body, nanoseconds: MonotonicTime.now() - start)
      }
    }
    do throws(VecError) {
      try ticket.checkDeadline(now: start)
      if let reply = try answer(&ticket) { finish(ticket, reply) }
      if ticket.kind.changesSequence { daemon.changed() }
    } catch {
      if ticket.kind == .ingestRows || ticket.kind == .ingestCommit { abandonIngest(ticket) }
      finish(ticket, .failure(error))
    }
  }

  /// Any error ends the ingest, also one that the engine never saw. Its number is the first field of the body.
  private func abandonIngest(_ ticket: Ticket) {
    guard ticket.body.count >= 8 else { return }
    let number = ticket.body.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    ticket.connection.ingests.abandon(UInt64(littleEndian: number))
  }

  /// Encodes the reply, accounts for it and hands it to the connection.
  func finish(_ ticket: Ticket, _ reply: Reply) {
    var (ticket, reply) = (ticket, reply)
    var bytes = reply.encodeFrame(requestId: ticket.requestId, kind: ticket.kind)
    if bytes.count > FrameHeader.byteCount + Limits.frameBodyBytesMax {
      reply = .failure(
        VecError(
          .limitExceeded,
          "the reply has \(bytes.count) bytes, a frame at most \(Limits.frameBodyBytesMax); ask for less at once"))
      bytes = reply.encodeFrame(requestId: ticket.requestId, kind: ticket.kind)
    }
    // What fields add is known only now.
    let added = bytes.count - ticket.chargedByteCount
    if added > ByteBudget.smallMax {
      if daemon.budget.take(added) {
        ticket.chargedByteCount += added
      } else {
        reply = .failure(
          VecError(.overloaded, "the reply of \(bytes.count) bytes does not fit what requests under way leave; try again later"))
        bytes = reply.encodeFrame(requestId: ticket.requestId, kind: ticket.kind)
      }
    }
    record(ticket, reply)
    // The body is done with: from here on the request costs what its reply weighs.
    let kept = min(bytes.count, ticket.chargedByteCount)
    daemon.budget.giveBack(ticket.chargedByteCount - kept)
    let finished = FinishedReply(requestId: ticket.requestId, bytes: bytes, chargedByteCount: kept)
    if !ticket.connection.put(finished) { daemon.requestEnded(chargedByteCount: kept) }
  }

  private func record(_ ticket: Ticket, _ reply: Reply) {
    let microseconds = (MonotonicTime.now() - ticket.arrival) / 1000
    let code: VecErrorCode? = if case .failure(let error) = reply { error.code } else { nil }
    daemon.requests.record(ticket.kind, code, microseconds: microseconds)
    var metadata: Logger.Metadata {
      [
        "connection.id": "\(ticket.connection.number)", "request.id": "\(ticket.requestId)",
        "request.kind": "\(ticket.kind.name)", "duration.ms": "\(microseconds / 1000)",
      ]
    }
    if case .failure(let error) = reply, Self.isDamage(error.code), !ticket.kind.isSingleWrite {
      daemon.logger.error("request failed", metadata: metadata.merging(["error": "\(error)"]) { $1 })
    } else if microseconds >= UInt64(daemon.options.slowRequestMilliseconds) * 1000, ticket.kind.hasDefaultDeadline {
      daemon.logger.info("slow request", metadata: metadata)
    }
  }

  /// What an operator must hear of, whoever asked. `outcome-unknown` is told once, as the reason of the daemon's end.
  static func isDamage(_ code: VecErrorCode) -> Bool {
    switch code {
    case .segmentDamaged, .manifestDamaged, .ioError, .storageFull, .internalDefect: true
    default: false
    }
  }
}

extension MessageKind {
  /// Whether it is committed together with others.
  fileprivate var isSingleWrite: Bool { [.upsert, .delete, .exclude, .forgetExclusions, .bias, .forgetBiases].contains(self) }

  /// Whether it may make answers complete up to a greater number than before.
  fileprivate var changesSequence: Bool {
    switch self {
    case .drop, .ingestCommit, .publish, .publishTogether, .rollback, .seal, .compact, .addAttribute: true
    default: false
    }
  }
}
