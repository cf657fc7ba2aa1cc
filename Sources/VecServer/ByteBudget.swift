import NIOCore
import Synchronization

/// A number of bytes that all connections share: for request bodies being received, requests under way and replies
/// not yet taken. Who does not get bytes at once may wait in line; the line is served in order, so a large request is
/// not starved by small ones.
///
/// Thread rule: any thread may call; a waiter's closure runs on the thread that gave bytes back and must be short.
package final class ByteBudget: Sendable {
  package let limit: Int
  private let state: Mutex<State>

  private struct State {
    var used = 0
    var waiters = CircularBuffer<Waiter>()
  }

  private struct Waiter {
    var byteCount: Int
    var granted: @Sendable () -> Void
  }

  package init(limit: Int) {
    self.limit = limit
    state = Mutex(State())
  }

  package var used: Int { state.withLock { $0.used } }

  package var waiterCount: Int { state.withLock { $0.waiters.count } }

  /// Takes bytes if they are free and nobody waits before.
  package func take(_ byteCount: Int) -> Bool {
    state.withLock { Self.take(byteCount, from: &$0, limit: limit) }
  }

  /// Takes bytes now (true), or later: then `granted` is called once, when they have been taken for the caller.
  package func take(_ byteCount: Int, orLater granted: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      if Self.take(byteCount, from: &state, limit: limit) { return true }
      state.waiters.append(Waiter(byteCount: byteCount, granted: granted))
      return false
    }
  }

  package func giveBack(_ byteCount: Int) {
    guard byteCount > 0 else { return }
    let served = state.withLock { state in
      state.used -= byteCount
      var served: [Waiter] = []
      while let first = state.waiters.first, Self.fits(first.byteCount, in: state, limit: limit) {
        state.used += first.byteCount
        served.append(state.waiters.removeFirst())
      }
      return served
    }
    for waiter in served { waiter.granted() }
  }

  private static func take(_ byteCount: Int, from state: inout State, limit: Int) -> Bool {
    guard state.waiters.isEmpty, fits(byteCount, in: state, limit: limit) else { return false }
    state.used += byteCount
    return true
  }

  /// One request alone always fits, whatever the limit: else it could never be served.
  private static func fits(_ byteCount: Int, in state: State, limit: Int) -> Bool {
    state.used == 0 || byteCount <= limit - state.used
  }
}
