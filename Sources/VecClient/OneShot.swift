import Synchronization
import VecCore

/// A value that comes once and is awaited once: whoever completes it first decides, everybody else is ignored.
///
/// Safe to complete from any thread, before or after the wait begins.
final class OneShot<Value: Sendable>: Sendable {
  private enum State {
    case empty
    case awaited(CheckedContinuation<Result<Value, VecError>, Never>)
    case completed(Result<Value, VecError>)
  }

  private let state = Mutex<State>(.empty)

  func complete(_ outcome: Result<Value, VecError>) {
    let waiter = state.withLock { (state) -> CheckedContinuation<Result<Value, VecError>, Never>? in
      switch state {
      case .empty:
        state = .completed(outcome)
        return nil
      case .awaited(let continuation):
        state = .completed(outcome)
        return continuation
      case .completed: return nil
      }
    }
    waiter?.resume(returning: outcome)
  }

  /// Waits for the value; call it once.
  ///
  /// - Parameter cancelled: runs when the waiting task is cancelled, before the wait ends with `deadline-exceeded`.
  func wait(cancelled: @escaping @Sendable () -> Void = {}) async throws(VecError) -> Value {
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let early = state.withLock { (state) -> Result<Value, VecError>? in
          if case .completed(let outcome) = state { return outcome }
          state = .awaited(continuation)
          return nil
        }
        if let early { continuation.resume(returning: early) }
      }
    } onCancel: {
      cancelled()
      complete(.failure(VecError(.deadlineExceeded, "the calling task was cancelled before the answer came")))
    }
    return try outcome.get()
  }
}
