import NIOCore
import Synchronization
import VecCore
import VecProtocol

/// One connection: sends frames in the order in which `send` was called and gives each reply to the call it answers.
///
/// Any thread may call it. The state is behind one lock; callbacks and writes happen outside of it. What is beyond the
/// daemon's in-flight limit waits here. Once failed it stays failed.
final class Connection: Sendable {
  private struct Call {
    let kind: MessageKind
    let reply: OneShot<Frame>
    let expiry: NIODeadline?
  }

  private struct Waiting {
    let id: UInt64
    let call: Call
    let frame: [UInt8]
  }

  private struct State {
    var failure: VecError?
    var nextId: UInt64 = 1
    /// Both are those of the handshake once it is over.
    var inFlightLimit = 1
    var frameBodyLimit = Limits.frameBodyBytesMax
    var inFlight: [UInt64: Call] = [:]
    var waiting = CircularBuffer<Waiting>()
    /// Frames for the event loop to write; one task takes them all.
    var outbox: [[UInt8]] = []
    var isFlushScheduled = false
    /// When the event loop looks for expired calls; nil while nobody waits with a deadline.
    var sweepAt: NIODeadline?
  }

  let socketPath: String
  private let channel: any Channel
  private let state = Mutex(State())

  init(channel: any Channel, socketPath: String) {
    self.channel = channel
    self.socketPath = socketPath
  }

  var isOpen: Bool { state.withLock { $0.failure == nil } }

  /// Ends the handshake.
  func open(inFlightLimit: Int, frameBodyLimit: Int) {
    state.withLock {
      $0.inFlightLimit = inFlightLimit
      $0.frameBodyLimit = frameBodyLimit
    }
  }

  /// Puts a request on its way, or in the line behind those that are.
  ///
  /// - Parameter encode: makes the frame from the request id and the deadline in milliseconds.
  /// - Throws: what the connection failed with; `limit-exceeded` for a frame above the daemon's limit.
  func send(
    _ kind: MessageKind, deadline: CallDeadline?, encode: (UInt64, UInt32) -> [UInt8]
  ) throws(VecError) -> PendingReply {
    let (id, limit) = state.withLock { (state) -> (UInt64, Int) in
      defer { state.nextId &+= 1 }
      return (state.nextId, state.frameBodyLimit)
    }
    let frame = encode(id, deadline?.milliseconds ?? 0)
    guard frame.count - FrameHeader.byteCount <= limit else {
      throw VecError(
        .limitExceeded,
        "\(kind.name) request of \(frame.count - FrameHeader.byteCount) bytes: the daemon takes at most \(limit); "
          + "send fewer queries, ids or rows at once")
    }
    let call = Call(kind: kind, reply: OneShot(), expiry: deadline?.expiry)
    let refused = state.withLock { (state) -> VecError? in
      if let failure = state.failure { return failure }
      if state.inFlight.count < state.inFlightLimit {
        state.inFlight[id] = call
        state.outbox.append(frame)
      } else {
        state.waiting.append(Waiting(id: id, call: call, frame: frame))
      }
      return nil
    }
    if let refused { throw refused }
    scheduleFlush()
    if let expiry = call.expiry { scheduleSweep(at: expiry) }
    return PendingReply(id: id, kind: kind, reply: call.reply, connection: self)
  }

  /// Takes a frame from the daemon.
  ///
  /// - Throws: what makes the connection useless; the caller then calls `fail`.
  func receive(_ frame: Frame) throws(VecError) {
    let id = frame.header.requestId
    let (call, isIssued) = state.withLock { (state) -> (Call?, Bool) in
      let call = state.inFlight.removeValue(forKey: id)
      Self.promote(&state)
      return (call, id != 0 && id < state.nextId)
    }
    scheduleFlush()
    guard let call else {
      // A call that was cancelled or expired is answered all the same.
      if isIssued { return }
      if frame.header.status != 0, case .failure(let complaint) = try? Reply.decode(frame) { throw complaint }
      throw VecError(.malformedFrame, "\(socketPath): a reply to request \(id), which was never sent")
    }
    guard frame.header.kind == call.kind.rawValue | WireProtocol.replyBit else {
      let error = VecError(
        .malformedFrame, "\(socketPath): a reply of kind \(frame.header.kind) to a \(call.kind.name) request")
      call.reply.complete(.failure(error))
      throw error
    }
    call.reply.complete(.success(frame))
  }

  /// Ends the connection: every call gets `error`. Only the first time counts.
  func fail(_ error: VecError) {
    let calls = state.withLock { (state) -> [Call] in
      guard state.failure == nil else { return [] }
      state.failure = error
      let calls = Array(state.inFlight.values) + state.waiting.map(\.call)
      state.inFlight = [:]
      state.waiting.removeAll()
      state.outbox = []
      return calls
    }
    for call in calls { call.reply.complete(.failure(error)) }
    channel.close(promise: nil)
  }

  /// Forgets a call whose caller has left, so that the next in line takes its place.
  func abandon(_ id: UInt64) {
    state.withLock { (state) in
      if state.inFlight.removeValue(forKey: id) == nil { state.waiting.removeAll { $0.id == id } }
      Self.promote(&state)
    }
    scheduleFlush()
  }

  private static func promote(_ state: inout State) {
    while state.inFlight.count < state.inFlightLimit, let next = state.waiting.popFirst() {
      state.inFlight[next.id] = next.call
      state.outbox.append(next.frame)
    }
  }

  /// Has the event loop write what lies in the outbox. All writes go this way, which keeps them in order and joins
  /// what was sent meanwhile into one flush.
  private func scheduleFlush() {
    let isNeeded = state.withLock { (state) -> Bool in
      guard !state.outbox.isEmpty, !state.isFlushScheduled else { return false }
      state.isFlushScheduled = true
      return true
    }
    if isNeeded { channel.eventLoop.execute { self.flush() } }
  }

  private func flush() {
    let frames = state.withLock { (state) -> [[UInt8]] in
      state.isFlushScheduled = false
      defer { state.outbox = [] }
      return state.outbox
    }
    for frame in frames { channel.write(channel.allocator.buffer(bytes: frame), promise: nil) }
    channel.flush()
  }

  private func scheduleSweep(at time: NIODeadline) {
    let isNeeded = state.withLock { (state) -> Bool in
      if let sweepAt = state.sweepAt, sweepAt <= time { return false }
      state.sweepAt = time
      return true
    }
    if isNeeded { channel.eventLoop.scheduleTask(deadline: time) { self.sweep() } }
  }

  /// Fails the calls whose time is over. One timer serves all calls, since nearly all are answered long before.
  private func sweep() {
    let now = NIODeadline.now()
    let (expired, next) = state.withLock { (state) -> ([Call], NIODeadline?) in
      guard let sweepAt = state.sweepAt, sweepAt <= now else { return ([], nil) }
      let isExpired = { (call: Call) in call.expiry.map { $0 <= now } ?? false }
      var expired: [Call] = []
      for (id, call) in state.inFlight where isExpired(call) {
        expired.append(call)
        state.inFlight[id] = nil
      }
      expired += state.waiting.lazy.map(\.call).filter(isExpired)
      state.waiting.removeAll { isExpired($0.call) }
      Self.promote(&state)
      state.sweepAt = nil
      let expiries = state.inFlight.values.compactMap(\.expiry) + state.waiting.compactMap(\.call.expiry)
      return (expired, expiries.min())
    }
    for call in expired { call.reply.complete(.failure(TransportError.deadline(call.kind.name))) }
    scheduleFlush()
    if let next { scheduleSweep(at: next) }
  }
}

/// A reply that has not come yet.
struct PendingReply: Sendable {
  let id: UInt64
  let kind: MessageKind
  let reply: OneShot<Frame>
  let connection: Connection

  /// Waits for the reply; call it once. Cancelling the waiting task gives the call's place to the next one.
  ///
  /// - Throws: the daemon's error, `deadline-exceeded`, `connection-lost`, or `malformed-frame` for a reply that is not
  ///   of its form, which ends the connection.
  func value() async throws(VecError) -> Reply {
    let frame = try await reply.wait { connection.abandon(id) }
    let decoded: Reply
    do throws(VecError) {
      decoded = try Reply.decode(kind: kind, status: frame.header.status, body: frame.body)
    } catch {
      connection.fail(error)
      throw error
    }
    if case .failure(let error) = decoded { throw error }
    return decoded
  }
}

extension Reply {
  /// An error reply, whatever it answers.
  fileprivate static func decode(_ frame: Frame) throws(VecError) -> Reply {
    try decode(kind: .hello, status: frame.header.status, body: frame.body)
  }
}

extension Connection {
  func send(_ request: Request, deadline: CallDeadline?) throws(VecError) -> PendingReply {
    try send(request.kind, deadline: deadline) { request.encodeFrame(requestId: $0, deadlineMilliseconds: $1) }
  }

  func call(_ request: Request, deadline: CallDeadline?) async throws(VecError) -> Reply {
    try await send(request, deadline: deadline).value()
  }

  /// A reply of another kind than asked for: the decoder makes that impossible, so it is our own defect.
  static func unexpected(_ reply: Reply) -> VecError {
    VecError(.internalDefect, "a reply of the wrong kind: \(reply)")
  }
}
