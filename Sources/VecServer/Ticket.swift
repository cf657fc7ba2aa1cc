import VecCore
import VecProtocol

/// An accepted request on its way through a lane. Copies share the body.
struct Ticket: Sendable {
  let connection: Connection
  let kind: MessageKind
  let requestId: UInt64
  let body: [UInt8]
  /// `MonotonicTime` when the frame was whole.
  let arrival: UInt64
  /// `MonotonicTime` after which nobody waits for the answer; nil for no limit.
  let deadline: UInt64?
  /// Bytes of the shared budget that it holds.
  var chargedByteCount: Int

  init(
    connection: Connection, kind: MessageKind, frame: Frame, chargedByteCount: Int, arrival: UInt64,
    defaultDeadlineMilliseconds: Int
  ) {
    self.connection = connection
    self.kind = kind
    self.chargedByteCount = chargedByteCount
    self.arrival = arrival
    requestId = frame.header.requestId
    body = frame.body
    var milliseconds = UInt64(frame.header.deadlineMilliseconds)
    if milliseconds == 0, kind.hasDefaultDeadline { milliseconds = UInt64(max(0, defaultDeadlineMilliseconds)) }
    deadline = milliseconds == 0 ? nil : arrival + milliseconds * 1_000_000
  }

  func checkDeadline(now: UInt64) throws(VecError) {
    guard let deadline, now >= deadline else { return }
    throw VecError(
      .deadlineExceeded,
      "\(kind.name) waited \((now - arrival) / 1_000_000) ms, its deadline was \((deadline - arrival) / 1_000_000) ms")
  }

  func isPastDeadline() -> Bool { deadline.map { MonotonicTime.now() >= $0 } ?? false }
}
