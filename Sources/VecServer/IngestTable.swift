import Synchronization
import VecCore
import VecEngine

/// The open ingests of one connection by the numbers it knows them by.
///
/// Thread rule: used by the write lane, whose single thread keeps the frames of an ingest in order; the lock only makes
/// handing the table around safe.
final class IngestTable: Sendable {
  /// Ingests that one connection may have open.
  static let openMax = 16

  private struct Table {
    var next: UInt64 = 1
    var open: [UInt64: Ingest] = [:]
  }

  private let table = Mutex(Table())

  func checkRoom() throws(VecError) {
    guard table.withLock({ $0.open.count < Self.openMax }) else {
      throw VecError(
        .limitExceeded, "this connection has \(Self.openMax) ingests open, the most there may be; commit or abort one")
    }
  }

  func add(_ ingest: Ingest) -> UInt64 {
    table.withLock { table in
      defer { table.next += 1 }
      table.open[table.next] = ingest
      return table.next
    }
  }

  func ingest(_ number: UInt64) throws(VecError) -> Ingest {
    guard let ingest = table.withLock({ $0.open[number] }) else { throw Self.notFound(number) }
    return ingest
  }

  /// Takes an ingest out: what comes next ends it.
  func remove(_ number: UInt64) throws(VecError) -> Ingest {
    guard let ingest = table.withLock({ $0.open.removeValue(forKey: number) }) else { throw Self.notFound(number) }
    return ingest
  }

  /// Rolls one back because a frame of it failed before the engine saw it.
  func abandon(_ number: UInt64) {
    table.withLock { $0.open.removeValue(forKey: number) }?.abort()
  }

  /// Rolls all of them back; the count of those.
  @discardableResult
  func abandonAll() -> Int {
    let open = table.withLock { table in
      defer { table.open = [:] }
      return Array(table.open.values)
    }
    for ingest in open { ingest.abort() }
    return open.count
  }

  private static func notFound(_ number: UInt64) -> VecError {
    VecError(.ingestNotFound, "ingest \(number) is not open on this connection; it was never begun, or has ended")
  }
}
