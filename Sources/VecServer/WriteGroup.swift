import Logging
import Synchronization
import VecCore
import VecEngine
import VecProtocol

/// Upserts and deletes on their way into one commit. While the sync of one group runs, the writes that come wait in the
/// lane's queue, and are the next group: no timer is needed, and a lone write waits for nobody.
///
/// Thread rule: the write lane's thread alone adds; the lock only makes handing it around safe.
final class WriteGroup: Sendable {
  private struct Member: Sendable {
    var ticket: Ticket
    var write: Write
  }

  private let members = Mutex<[Member]>([])

  /// Adds a write to the group, or answers it when it cannot take part. With the last one the group is committed.
  func add(_ ticket: Ticket, isLast: Bool, _ dispatcher: Dispatcher) {
    if let write = dispatcher.admitted(ticket) {
      members.withLock { $0.append(Member(ticket: ticket, write: write)) }
    }
    guard isLast else { return }
    let group = members.withLock { members in
      defer { members = [] }
      return members
    }
    if !group.isEmpty { commit(group, dispatcher) }
  }

  private func commit(_ group: [Member], _ dispatcher: Dispatcher) {
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
  fileprivate func admitted(_ ticket: Ticket) -> Write? {
    guard !ticket.connection.isClosed else {
      daemon.requestEnded(chargedByteCount: ticket.chargedByteCount)
      return nil
    }
    do throws(VecError) {
      try ticket.checkDeadline(now: MonotonicTime.now())
      switch try Request.decode(kind: ticket.kind, body: ticket.body) {
      case .upsert(let upsert): return .upsert(upsert)
      case .delete(let delete): return .delete(delete)
      default: throw VecError(.internalDefect, "\(ticket.kind.name) came to the writes")
      }
    } catch {
      finish(ticket, .failure(error))
      return nil
    }
  }
}
