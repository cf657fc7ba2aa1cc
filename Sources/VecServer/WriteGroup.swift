import Logging
import Synchronization
import VecCore
import VecEngine
import VecProtocol

/// Upserts, deletes and changes of named sets on their way into one commit of each sort. While the sync of one group runs, the
/// writes that come wait in the lane's queue, and are the next group: no timer is needed, and a lone write waits for nobody.
///
/// Thread rule: the write lane's thread alone adds; the lock only makes handing it around safe.
final class WriteGroup: Sendable {
  /// What a ticket asks for.
  enum Asked: Sendable {
    case write(Write)
    case exclusion(ExclusionWrite)
    case bias(BiasWrite)
  }

  private struct Members: Sendable {
    var writes: [(ticket: Ticket, write: Write)] = []
    var exclusions: [(ticket: Ticket, write: ExclusionWrite)] = []
    var biases: [(ticket: Ticket, write: BiasWrite)] = []
  }

  private let members = Mutex(Members())

  /// Adds a write to the group, or answers it when it cannot take part. With the last one the group is committed.
  func add(_ ticket: Ticket, isLast: Bool, _ dispatcher: Dispatcher) {
    switch dispatcher.admitted(ticket) {
    case .write(let write)?: members.withLock { $0.writes.append((ticket, write)) }
    case .exclusion(let write)?: members.withLock { $0.exclusions.append((ticket, write)) }
    case .bias(let write)?: members.withLock { $0.biases.append((ticket, write)) }
    case nil: break
    }
    guard isLast else { return }
    let group = members.withLock { members in
      defer { members = Members() }
      return members
    }
    if !group.writes.isEmpty { commit(group.writes, dispatcher) }
    if !group.exclusions.isEmpty {
      let results = dispatcher.daemon.engine.exclude(group.exclusions.map(\.write))
      answer(group.exclusions.map(\.ticket), results, dispatcher) { position, count in
        switch group.exclusions[position].write {
        case .append: .exclude(count: count)
        case .forget: .forgetExclusions(wasThere: count > 0)
        }
      }
    }
    if !group.biases.isEmpty {
      let results = dispatcher.daemon.engine.bias(group.biases.map(\.write))
      answer(group.biases.map(\.ticket), results, dispatcher) { position, count in
        switch group.biases[position].write {
        case .put: .bias(count: count)
        case .forget: .forgetBiases(wasThere: count > 0)
        }
      }
    }
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

  /// Answers changes of named sets.
  private func answer(
    _ tickets: [Ticket], _ results: [Result<UInt64, VecError>], _ dispatcher: Dispatcher, reply: (Int, UInt64) -> Reply
  ) {
    var failures: [VecError] = []
    for (position, result) in results.enumerated() {
      switch result {
      case .success(let count): dispatcher.finish(tickets[position], reply(position, count))
      case .failure(let error):
        failures.append(error)
        dispatcher.finish(tickets[position], .failure(error))
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
      case .bias(let put): return .bias(.put(put))
      case .forgetBiases(let forget): return .bias(.forget(forget))
      default: throw VecError(.internalDefect, "\(ticket.kind.name) came to the writes")
      }
    } catch {
      finish(ticket, .failure(error))
      return nil
    }
  }
}
