import Logging
import NIOCore
import Synchronization
import VecCore
import VecProtocol

/// Decides about each accepted connection before a byte of it is read: a session for those who may, one error frame for
/// those who may not.
///
/// Thread rule: any event loop may call.
final class Doorkeeper: Sendable {
  private let daemon: Daemon
  /// `MonotonicTime` of the last line about a refusal: a peer that keeps knocking must not fill the log.
  private let loggedAt = Atomic<UInt64>(0)

  init(_ daemon: Daemon) { self.daemon = daemon }

  /// Adds the handler for a new connection; runs on its event loop.
  func receive(_ channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    let uid = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
      ConnectionTable.peerUid($0)
    }
    do throws(VecError) {
      let number = try daemon.connections.admit(channel, peerUid: uid ?? nil)
      try add(Session(daemon: daemon, number: number, now: channel.eventLoop.now), to: pipeline)
    } catch {
      log(error, uid: uid ?? nil)
      try pipeline.addHandler(Refusal(error))
    }
  }

  private func add(_ session: Session, to pipeline: ChannelPipeline.SynchronousOperations) throws(VecError) {
    do {
      try pipeline.addHandler(session)
    } catch {
      daemon.connections.leave(session.number)
      throw VecError(.internalDefect, "a new connection takes no handler: \(error)")
    }
  }

  private func log(_ error: VecError, uid: UInt32?) {
    let now = MonotonicTime.now()
    let last = loggedAt.load(ordering: .relaxed)
    guard last == 0 || now - last >= 1_000_000_000 else { return }
    loggedAt.store(now, ordering: .relaxed)
    daemon.logger.warning(
      "peer refused", metadata: ["peer.uid": "\(uid.map { String($0) } ?? "unknown")", "error": "\(error)"])
  }
}

/// Says why and closes, without reading.
private final class Refusal: ChannelInboundHandler {
  typealias InboundIn = Never
  typealias OutboundOut = ByteBuffer

  private let error: VecError

  init(_ error: VecError) { self.error = error }

  func channelActive(context: ChannelHandlerContext) {
    let bytes = Reply.failure(error).encodeFrame(requestId: 0, requestKind: 0)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    context.close(promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
