import Glibc

/// A mutex with a condition: what a queue between threads needs and `Synchronization.Mutex` does not have.
///
/// Thread rule: everything here may be called by any thread; `body` runs under the lock.
final class Signal: @unchecked Sendable {  // the two system objects are made for concurrent use and never move
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  init() {
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func withLock<T>(_ body: () -> T) -> T {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Only inside `withLock`.
  func wait() { pthread_cond_wait(condition, mutex) }

  func wakeOne() { pthread_cond_signal(condition) }

  func wakeAll() { pthread_cond_broadcast(condition) }
}
