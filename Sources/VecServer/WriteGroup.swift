import Logging
import Synchronization
import VecCore
import VecEngine
import VecProtocol

/// Upserts, deletes and changes of exclude sets on their way into one commit of each sort. While the sync of one group runs, the
/// writes that come wait in the lane's queue, and are the next group: no timer is needed, and a lone write waits for nobody.
///
/// Thread rule: the write lane's thread alone adds; the lock only makes handing it around safe.
final class WriteGroup: Sendable {
  /// What a ticket asks for.
  enum Asked: Sendable {
    case write(Write)
    case exclusion(ExclusionWrite)
  }

  private struct Members: Sendable {
    var writes: [(ticket: Ticket, write: Write)] = []
    var exclusions: [(ticket: Ticket, write: ExclusionWrite)] = []
  }

  private let members = Mutex(Members())

  /// Adds a write to the group, or answers it when it cannot take part. With the last one the group is committed.
  func add(_ ticket: Ticket, isLast: Bool, _ dispatcher: Dispatcher) {
    switch dispatcher.admitted(ticket) {
    case .write(let write)?: members.withLock { $0.writes.append((ticket, write)) }
    case .exclusion(let write)?: members.withLock { $0.exclusions.append((ticket, write)) }
    case nil: break
    }
    guard isLast else { return }
    let group = members.withLock { members in
      defer { members = Members() }
      return members
    }
    if !group.writes.isEmpty { commit(group.writes, dispatcher) }
    if !group.exclusions.isEmpty { commit(group.exclusions, dispatcher) }
  }

  private func commit(_ group: [(ticket: Ticket, write: Write)], _ dispatcher: Dispatcher) {
    let daemon = dispatcher.daemon
    let writes = group.map(\.write)
    let results = daemon.commit(writes)
    daemon.writes.record(writes, results)
    var failures: [VecError] = []
    for (position, member) in group.enumerated() {
      let result =
        position < results.count ? results[position] : .failure(VecError(.internalDefect, "the write got no answer"))
      switch (member.write, result) {
      case (.upsert, .success(let receipt)): dispatcher.finish(member.ticket, .upsert(receipt))
      case (.delete, .success(let receipt)): dispatcher.finish(member.ticket, .delete(receipt))
      case (_, .failure(let error)):
        failures.append(error)
        dispatcher.finish(member.ticket, .failure(error))
      }
    }
    end(failures, daemon)
  }

  private func commit(_ group: [(ticket: Ticket, write: ExclusionWrite)], _ dispatcher: Dispatcher) {
    let results = dispatcher.daemon.engine.exclude(group.map(\.write))
    var failures: [VecError] = []
    for (member, result) in zip(group, results) {
      switch (member.write, result) {
      case (.append, .success(let count)): dispatcher.finish(member.ticket, .exclude(count: count))
      case (.forget, .success(let count)): dispatcher.finish(member.ticket, .forgetExclusions(wasThere: count > 0))
      case (_, .failure(let error)):
        failures.append(error)
        dispatcher.finish(member.ticket, .failure(error))
      }
    }
    end(failures, dispatcher.daemon)
  }

  private func end(_ failures: [VecError], _ daemon: Daemon) {
    log(failures, daemon)
    let unknown = failures.first { $0.code == .outcomeUnknown }
    if let reason = unknown ?? daemon.engine.stoppedWriting { daemon.fail(reason) }
    daemon.changed()
  }
}

extension WriteGroup {
  /// What an operator must hear of, once for all writes of a group: a full disk fails each of them.
  private func log(_ failures: [VecError], _ daemon: Daemon) {
    let told = failures.filter { Dispatcher.isDamage($0.code) }
    guard let first = told.first else { return }
    daemon.logger.error("writes failed", metadata: ["error": "\(first)", "write.count": "\(told.count)"])
  }
}

extension Dispatcher {
  /// The write that a ticket asks for; nil when it has been answered, or nobody waits for it any more.
  fileprivate func admitted(_ ticket: Ticket) -> WriteGroup.Asked? {
    guard !ticket.connection.isClosed else {
      daemon.requestEnded(chargedByteCount: ticket.chargedByteCount)
      return nil
    }
    do throws(VecError) {
      try ticket.checkDeadline(now: MonotonicTime.now())
      switch try Request.decode(kind: ticket.kind, body: ticket.body) {
      case .upsert(let upsert): return .write(.upsert(upsert))
      case .delete(let delete): return .write(.delete(delete))
      case .exclude(let append): return .exclusion(.append(append))
      case .forgetExclusions(let forget): return .exclusion(.forget(forget))
      default: throw VecError(.internalDefect, "\(ticket.kind.name) came to the writes")
      }
    } catch {
      finish(ticket, .failure(error))
      return nil
    }
  }
}
