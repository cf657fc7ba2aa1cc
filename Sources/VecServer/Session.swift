import Logging
import NIOCore
import VecCore
import VecProtocol

/// One connection: cuts bytes into frames, hands requests to the workers, writes their replies, and stops reading when
/// the client asks for more than it takes or than the daemon can hold.
///
/// Memory: bytes of a frame are charged to the shared budget when its header is here and before its body is read, so
/// whoever holds a charge can always finish. Bytes that came before their frame was granted stay in `inbound`, at most
/// one read's worth.
///
/// Thread rule: everything runs on the connection's event loop; workers reach it through `Connection`.
final class Session: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  /// The charge for the next frame's bytes.
  enum Grant {
    case none
    case waiting
    case held(Int)
  }

  let daemon: Daemon
  let dispatcher: Dispatcher
  let number: UInt64
  var state = SessionState()
  var decoder = FrameDecoder()
  var inbound = ByteBuffer()
  /// Bytes of the frame under way that have not come.
  var frameBytesMissing = 0
  var grant = Grant.none
  var connection: Connection?
  var context: ChannelHandlerContext?

  var isInputClosed = false
  var isOver = false
  var isAdvancing = false
  var isReadHeld = false
  var mustFlush = false
  /// Replies written to the channel whose last byte the kernel has not taken.
  var unwrittenCount = 0
  var watch: SessionWatch

  init(daemon: Daemon, number: UInt64, now: NIODeadline) {
    self.daemon = daemon
    self.number = number
    dispatcher = Dispatcher(daemon: daemon)
    watch = SessionWatch(
      now: now, writeTimeout: .seconds(Int64(daemon.options.writeTimeoutSeconds)))
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    let this = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    connection = Connection(number: number) { eventLoop.execute { this.value.sendReplies() } }
    let interval = TimeAmount.milliseconds(min(500, Int64(daemon.options.writeTimeoutSeconds) * 1000 / 8))
    eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { task in
      if this.value.isOver { task.cancel() } else { this.value.tick() }
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finishConnection()
    daemon.connections.leave(number)
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    finishConnection()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    daemon.logger.debug(
      "connection failed", metadata: ["connection.id": "\(number)", "error": "\(error)"])
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent {
      isInputClosed = true
      advance()
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// Once: nothing of this connection is left to the workers or the budget.
  private func finishConnection() {
    guard !isOver else { return }
    isOver = true
    releaseGrant()
    guard let connection else { return }
    for reply in connection.close() { daemon.requestEnded(chargedByteCount: reply.chargedByteCount) }
    dispatcher.tidy(connection)
    self.connection = nil
    daemon.logger.debug("connection closed", metadata: ["connection.id": "\(number)"])
  }

  // MARK: Reading and writing as NIO asks

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }

  /// NIO asks before every read; holding it back is how this connection stops reading.
  func read(context: ChannelHandlerContext) {
    if mayRead { context.read() } else { isReadHeld = true }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    advance()
    context.fireChannelWritabilityChanged()
  }
}
