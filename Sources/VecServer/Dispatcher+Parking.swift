import VecCore
import VecEngine
import VecProtocol

// Searches that want to see a write which has not been published yet.
extension Dispatcher {
  private static let tickMilliseconds = 10

  /// Whether the search now waits for its sequence number; it will be answered later.
  func parks(_ ticket: Ticket, _ search: SearchRequest) throws(VecError) -> Bool {
    guard let least = search.leastSequence, try daemon.engine.sequence(of: search.collection) < least else {
      return false
    }
    let parked = ParkedSearches.Parked(ticket: ticket, collection: search.collection, leastSequence: least)
    guard let (number, mustTick) = daemon.parked.add(parked) else { throw Self.stopping }
    if mustTick { scheduleTick() }
    // What was published between the first look and the parking has woken nobody.
    let reached = (try? daemon.engine.sequence(of: search.collection)) ?? .max
    return reached < least || daemon.parked.remove(number) == nil
  }

  /// Sends those back to the readers whose collection has got far enough, or is gone.
  func retryParked() {
    let engine = daemon.engine
    let (ready, _) = daemon.parked.remove { parked in
      guard let sequence = try? engine.sequence(of: parked.collection) else { return true }
      return sequence >= parked.leastSequence
    }
    for parked in ready where !daemon.pool.reads.submit(.admitted, { run(parked.ticket) }) {
      finish(parked.ticket, .failure(Self.stopping))
    }
  }

  /// Answers all of them, and whoever comes later.
  func refuseParked() {
    for parked in daemon.parked.close() { finish(parked.ticket, .failure(Self.stopping)) }
  }

  private func scheduleTick() {
    daemon.later(milliseconds: Self.tickMilliseconds) { tick() }
  }

  /// Answers those whose time is over, and lets go of those whose client has left.
  private func tick() {
    let now = MonotonicTime.now()
    let (ended, mustTick) = daemon.parked.remove(isTick: true) { parked in
      parked.ticket.connection.isClosed || parked.ticket.deadline.map { now >= $0 } ?? false
    }
    for parked in ended {
      if parked.ticket.connection.isClosed {
        daemon.requestEnded(chargedByteCount: parked.ticket.chargedByteCount)
      } else {
        finish(parked.ticket, .failure(tooLate(parked)))
      }
    }
    if mustTick { scheduleTick() }
  }

  private func tooLate(_ parked: ParkedSearches.Parked) -> VecError {
    let reached = (try? daemon.engine.sequence(of: parked.collection)).map { "is complete up to sequence \($0)" }
    let waited = (MonotonicTime.now() - parked.ticket.arrival) / 1_000_000
    return VecError(
      .deadlineExceeded,
      "collection \(parked.collection) \(reached ?? "answers nothing"), the search asks for \(parked.leastSequence) and "
        + "waited \(waited) ms; wait longer, or ask for a number that a write was answered with")
  }

  private static let stopping = VecError(.shuttingDown, "the daemon is stopping; connect again when it is back")
}

extension Daemon {
  /// After every change that may have raised a sequence number.
  func retryParked() {
    if parked.count > 0 { Dispatcher(daemon: self).retryParked() }
  }
}
