import NIOCore
import Synchronization

/// A number of bytes that all connections share: for request bodies being received, requests under way and replies
/// not yet taken. Who does not get bytes at once may wait in line; each line is served in order.
///
/// An eighth is kept for small charges, which have a line of their own: clients that begin large frames and send them
/// slowly cannot keep everybody else from asking.
///
/// Thread rule: any thread may call; a waiter's closure runs on the thread that gave bytes back and must be short.
package final class ByteBudget: Sendable {
  /// Charges up to this are small.
  package static let smallMax = 64 << 10

  package let limit: Int
  private let state: Mutex<State>

  private struct State {
    var used = 0
    var small = CircularBuffer<Waiter>()
    var large = CircularBuffer<Waiter>()
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

  package var waiterCount: Int { state.withLock { $0.small.count + $0.large.count } }

  /// Takes bytes if they are free and nobody waits for such before.
  package func take(_ byteCount: Int) -> Bool {
    state.withLock { takeNow(byteCount, from: &$0) }
  }

  /// Takes bytes now (true), or later: then `granted` is called once, when they have been taken for the caller.
  package func take(_ byteCount: Int, orLater granted: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      if takeNow(byteCount, from: &state) { return true }
      let waiter = Waiter(byteCount: byteCount, granted: granted)
      if byteCount <= Self.smallMax { state.small.append(waiter) } else { state.large.append(waiter) }
      return false
    }
  }

  package func giveBack(_ byteCount: Int) {
    guard byteCount > 0 else { return }
    let served = state.withLock { state in
      state.used -= byteCount
      return serve(\.small, of: &state) + serve(\.large, of: &state)
    }
    for waiter in served { waiter.granted() }
  }

  private func serve(_ line: WritableKeyPath<State, CircularBuffer<Waiter>>, of state: inout State) -> [Waiter] {
    var served: [Waiter] = []
    while let first = state[keyPath: line].first, fits(first.byteCount, in: state) {
      state.used += first.byteCount
      served.append(state[keyPath: line].removeFirst())
    }
    return served
  }

  private func takeNow(_ byteCount: Int, from state: inout State) -> Bool {
    let line = byteCount <= Self.smallMax ? state.small : state.large
    guard line.isEmpty, fits(byteCount, in: state) else { return false }
    state.used += byteCount
    return true
  }

  /// One charge alone always fits, whatever the limit: else it could never be served.
  private func fits(_ byteCount: Int, in state: State) -> Bool {
    let room = byteCount <= Self.smallMax ? limit : limit - limit / 8
    return state.used == 0 || byteCount <= room - state.used
  }
}
