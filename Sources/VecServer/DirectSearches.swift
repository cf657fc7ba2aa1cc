import Synchronization
import VecCore
import VecProtocol

/// Decides which searches an event loop answers itself instead of handing them to a search thread. Two wake-ups of threads
/// fall away, which on an otherwise idle machine take longer than a small search.
///
/// An event loop that searches reads no frames meanwhile. So it does this only for a connection
/// - that nobody else's searches would have to wait for: the last few all came from it, it has sent nothing more, and no
///   search thread is busy,
/// - whose searches like this one have been short of late.
///
/// Thread rule: any thread may call.
package final class DirectSearches: Sendable {
  /// Searches of one connection in a row after which it counts as the only one that searches.
  package static let soleAfter: UInt64 = 16
  /// The longest search that others may have to wait for.
  package static let nanosecondsMax: UInt64 = 500_000

  /// The connection that searched last, and above `numberBits` how often in a row.
  private let last = Atomic<UInt64>(0)
  private static let numberBits: UInt64 = 48

  package init() {}

  /// Notes a search of a connection; whether it is the only one that searches.
  package func isSole(_ connection: UInt64) -> Bool {
    let mask = UInt64(1) << Self.numberBits - 1
    // Two loops that note at the same time may lose a search of one: it is a habit that is looked for, not a count.
    let before = last.load(ordering: .relaxed)
    let isSame = before & mask == connection & mask
    let run = isSame ? min(Self.soleAfter, before >> Self.numberBits + 1) : 1
    last.store(run << Self.numberBits | connection & mask, ordering: .relaxed)
    return run == Self.soleAfter
  }
}

/// How long a connection's searches take of late: the longest of those that asked the same thing (`SearchRequest.head`),
/// forgotten by an eighth with each that follows.
///
/// Thread rule: any thread may call.
package final class RecentSearches: Sendable {
  private struct Seen {
    let head: [UInt8]
    var bodyByteCount: Int
    var nanoseconds: UInt64
  }

  private let last = Mutex<Seen?>(nil)

  package init() {}

  /// What a search with this body takes at most, in nanoseconds; nil where the last one asked for something else or for
  /// less, or there was none.
  package func expected(_ body: [UInt8]) -> UInt64? {
    guard let head = SearchRequest.head(of: body) else { return nil }
    return last.withLock { last in
      // Excluded ids are more or fewer from user to user.
      guard let last, last.head.elementsEqual(head), body.count <= 2 * last.bodyByteCount else { return nil }
      return last.nanoseconds
    }
  }

  package func add(_ body: [UInt8], nanoseconds: UInt64) {
    guard let head = SearchRequest.head(of: body) else { return }
    last.withLock { last in
      if let seen = last, seen.head.elementsEqual(head) {
        last?.nanoseconds = max(nanoseconds, seen.nanoseconds - seen.nanoseconds / 8)
        last?.bodyByteCount = body.count
      } else {
        last = Seen(head: Array(head), bodyByteCount: body.count, nanoseconds: nanoseconds)
      }
    }
  }
}
