import Synchronization
import VecCore

/// Searches that wait for a sequence number their collection has not reached. They hold no thread: they are looked at
/// when the collection changes, and every few milliseconds for their deadlines, while there are any.
///
/// Thread rule: any thread may call. A search that is handed out belongs to whoever got it.
final class ParkedSearches: Sendable {
  struct Parked: Sendable {
    var ticket: Ticket
    var collection: String
    var leastSequence: UInt64
  }

  private struct Table {
    var next: UInt64 = 0
    var parked: [UInt64: Parked] = [:]
    var isTicking = false
    var isOver = false
  }

  private let table = Mutex(Table())
  /// Read before every look, so that without parked searches a write costs one load.
  private let parkedCount = Atomic<Int>(0)

  var count: Int { parkedCount.load(ordering: .acquiring) }

  /// Parks a search. Nil when the daemon is stopping; else its number, and whether somebody must begin to tick.
  func add(_ search: Parked) -> (number: UInt64, mustTick: Bool)? {
    table.withLock { table in
      guard !table.isOver else { return nil }
      table.next += 1
      table.parked[table.next] = search
      parkedCount.store(table.parked.count, ordering: .releasing)
      defer { table.isTicking = true }
      return (table.next, !table.isTicking)
    }
  }

  /// Takes one out; nil when somebody else has.
  func remove(_ number: UInt64) -> Parked? {
    table.withLock { table in
      defer { parkedCount.store(table.parked.count, ordering: .releasing) }
      return table.parked.removeValue(forKey: number)
    }
  }

  /// Takes out those of which `isReady` holds. With `isTick`, also says whether there must be a next one.
  func remove(isTick: Bool = false, where isReady: (Parked) -> Bool) -> (ready: [Parked], mustTick: Bool) {
    guard count > 0 || isTick else { return ([], false) }
    return table.withLock { table in
      let ready = table.parked.filter { isReady($0.value) }
      for number in ready.keys { table.parked[number] = nil }
      parkedCount.store(table.parked.count, ordering: .releasing)
      if isTick { table.isTicking = !table.parked.isEmpty }
      return (ready.sorted { $0.key < $1.key }.map(\.value), table.isTicking)
    }
  }

  /// From now on none is taken; those that are there.
  func close() -> [Parked] {
    table.withLock { $0.isOver = true }
    return remove { _ in true }.ready
  }
}
