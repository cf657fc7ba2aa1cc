import Logging
import VecCore
import VecEngine
import VecProtocol

// What writes make necessary, when somebody asks for it instead of waiting for the daemon to do it by itself.
extension Dispatcher {
  func seal(_ what: GenerationRequest) throws(VecError) -> Reply {
    try afterwards { () throws(VecError) in
      let done = try daemon.engine.seal(what.collection, generation: what.generation)
      return .seal(
        JSON.object([
          ("generation", .string(done.generation)), ("sequence", .unsigned(done.sequence)),
          ("rows", .unsigned(done.rowCount)), ("segments", .count(done.segmentCount)),
        ]).text)
    }
  }

  /// Called off when its client goes away or its deadline passes: then it was not wanted, and nothing has changed.
  func compact(_ what: GenerationRequest, for ticket: Ticket) throws(VecError) -> Reply {
    try afterwards { () throws(VecError) in
      let done = try daemon.engine.compact(what.collection, generation: what.generation) {
        daemon.isStopping || ticket.connection.isClosed || ticket.isPastDeadline()
      }
      return .compact(
        JSON.object([
          ("generation", .string(done.generation)), ("sequence", .unsigned(done.sequence)),
          ("rows", .unsigned(done.rowCount)), ("segments", .count(done.segmentCount)),
          ("bytes_before", .unsigned(done.bytesBefore)), ("bytes_after", .unsigned(done.bytesAfter)),
        ]).text)
    }
  }

  /// At once, but for those with checks: these search, which may take long, and writes must not wait for them.
  func publish(
    _ publishes: [PublishRequest], for ticket: Ticket, _ reply: @escaping @Sendable ([PublishOutcome]) -> Reply?
  ) throws(VecError) -> Reply? {
    guard publishes.contains(where: { !$0.checks.isEmpty }) else { return reply(try publish(publishes) { false }) }
    let lane = daemon.pool.maintenance
    guard let place = lane.takePlace() else { throw overloaded(lane) }
    let isQueued = lane.submit(in: place) {
      let answer: Reply
      do throws(VecError) {
        let done = try publish(publishes) {
          daemon.isStopping || ticket.connection.isClosed || ticket.isPastDeadline()
        }
        answer = reply(done) ?? .failure(VecError(.internalDefect, "a publish was lost"))
      } catch {
        answer = .failure(error)
      }
      finish(ticket, answer)
      daemon.changed()
    }
    guard isQueued else { throw overloaded(lane) }
    return nil
  }

  private func publish(
    _ publishes: [PublishRequest], shouldStop: @escaping () -> Bool
  ) throws(VecError) -> [PublishOutcome] {
    try daemon.engine.publish(publishes, shouldStop: shouldStop).map { receipt in
      PublishOutcome(sequence: receipt.sequence, replaced: receipt.replaced, report: receipt.report)
    }
  }

  func snapshot(_ name: String) throws(VecError) -> Reply {
    let made = try daemon.engine.snapshot(name)
    daemon.logger.notice(
      "snapshot made", metadata: ["path": "\(made.path)", "file.count": "\(made.fileCount)", "byte.count": "\(made.byteCount)"])
    return .snapshot(
      JSON.object([
        ("path", .string(made.path)), ("files", .count(made.fileCount)), ("bytes", .unsigned(made.byteCount)),
      ]).text)
  }

  /// A sync that fails here ends the daemon as one of a write does.
  private func afterwards(_ body: () throws(VecError) -> Reply) throws(VecError) -> Reply {
    defer { if let stopped = daemon.engine.stoppedWriting { daemon.fail(stopped) } }
    return try body()
  }
}
