import Synchronization

/// Threads that a caller lends to a long piece of work. This module starts none of its own.
package struct WorkTeam: Sendable {
  /// Calls of the body that may run at the same time, 1 or more.
  package let width: Int
  private let run: @Sendable (_ width: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void

  /// - Parameter run: calls the body once for each number below `width`, on any threads, and returns when all are done.
  package init(width: Int, run: @escaping @Sendable (_ width: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void) {
    self.width = max(1, width)
    self.run = run
  }

  /// The calling thread alone.
  package static let single = WorkTeam(width: 1) { width, body in
    for worker in 0..<width { body(worker) }
  }

  /// Calls the body for every number below `count`, in pieces of `step` that the workers take as they get free. What
  /// the body does for a number must not depend on the worker.
  func forEach(_ count: Int, step: Int, _ body: @escaping @Sendable (_ worker: Int, _ range: Range<Int>) -> Void) {
    guard count > 0 else { return }
    let next = NextPiece()
    run(min(width, (count + step - 1) / step)) { worker in
      while true {
        let first = next.take(step)
        guard first < count else { return }
        body(worker, first..<min(count, first + step))
      }
    }
  }

  private final class NextPiece: Sendable {
    private let first = Atomic<Int>(0)

    func take(_ step: Int) -> Int { first.add(step, ordering: .relaxed).oldValue }
  }
}
