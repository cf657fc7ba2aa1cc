import Synchronization

/// A reply on its way from a worker to the event loop.
struct FinishedReply: Sendable {
  var requestId: UInt64
  var bytes: [UInt8]
  /// Bytes of the shared budget that this reply holds until it is written.
  var chargedByteCount: Int
}

/// What the event loop and the workers share of one connection.
///
/// Thread rule: any thread may call. Replies of several workers are collected, so that one wake-up of the event loop
/// and one system call send them all.
final class Connection: Sendable {
  let number: UInt64
  let ingests = IngestTable()
  let searches = RecentSearches()
  private let closed = Atomic<Bool>(false)
  private let outbox: Mutex<Outbox>

  private struct Outbox {
    var replies: [FinishedReply] = []
    var isWoken = false
    /// Nil when the connection has ended.
    var wake: (@Sendable () -> Void)?
  }

  /// - Parameter wake: called after the first reply of a batch, on the worker's thread; must lead to `takeReplies`.
  init(number: UInt64, wake: @escaping @Sendable () -> Void) {
    self.number = number
    outbox = Mutex(Outbox(wake: wake))
  }

  /// Relaxed is enough: whoever reads it late does a little work for nobody; `put` decides under its lock.
  var isClosed: Bool { closed.load(ordering: .relaxed) }

  /// False when the connection has ended: then the reply is the caller's to account for.
  func put(_ reply: FinishedReply) -> Bool {
    let (isTaken, wake) = outbox.withLock { box -> (Bool, (@Sendable () -> Void)?) in
      guard let wake = box.wake else { return (false, nil) }
      box.replies.append(reply)
      defer { box.isWoken = true }
      return (true, box.isWoken ? nil : wake)
    }
    wake?()
    return isTaken
  }

  func takeReplies() -> [FinishedReply] {
    outbox.withLock { box in
      box.isWoken = false
      defer { box.replies = [] }
      return box.replies
    }
  }

  /// Ends it: no reply is taken any more. Returns those that were not sent.
  func close() -> [FinishedReply] {
    closed.store(true, ordering: .relaxed)
    return outbox.withLock { box in
      box.wake = nil
      defer { box.replies = [] }
      return box.replies
    }
  }
}
