import CVecShims
import NIOCore
import Synchronization
import VecCore

/// Who may connect, and who is connected.
///
/// Thread rule: any thread may call.
final class ConnectionTable: Sendable {
  private struct Table {
    var next: UInt64 = 1
    var open: [UInt64: any Channel] = [:]
    var accepted: UInt64 = 0
    var refused: UInt64 = 0
  }

  let limit: Int
  private let rule: PeerRule
  private let table = Mutex(Table())

  init(limit: Int, rule: PeerRule) {
    self.limit = limit
    self.rule = rule
  }

  /// The uid at the other end of a connected socket, as the kernel recorded it when the peer connected.
  static func peerUid(_ descriptor: Int32) -> UInt32? {
    var uid: UInt32 = 0
    return vs_peer_uid(descriptor, &uid) == 0 ? uid : nil
  }

  /// Takes a place for a new connection.
  ///
  /// - Throws: `permission-denied` for a peer that may not connect, `overloaded` when all places are taken.
  func admit(_ channel: any Channel, peerUid: UInt32?) throws(VecError) -> UInt64 {
    do throws(VecError) {
      try rule.check(peerUid)
    } catch {
      table.withLock { $0.refused += 1 }
      throw error
    }
    let number = table.withLock { table -> UInt64? in
      guard table.open.count < limit else {
        table.refused += 1
        return nil
      }
      defer { table.next += 1 }
      table.accepted += 1
      table.open[table.next] = channel
      return table.next
    }
    guard let number else {
      throw VecError(.overloaded, "the daemon has its limit of \(limit) connections; close one or try again later")
    }
    return number
  }

  func leave(_ number: UInt64) { table.withLock { _ = $0.open.removeValue(forKey: number) } }

  var openCount: Int { table.withLock { $0.open.count } }

  func closeAll() {
    for channel in table.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
  }

  var json: JSON {
    table.withLock { table in
      .object([
        ("open", .count(table.open.count)), ("limit", .count(limit)), ("accepted", .count(table.accepted)),
        ("refused", .count(table.refused)),
      ])
    }
  }
}
