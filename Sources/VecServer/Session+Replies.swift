import Logging
import NIOCore
import VecProtocol

// Replies on their way out, and the clock that watches whether they are taken.
extension Session {
  /// Sends the replies that workers have finished: all of them in one buffer.
  func sendReplies() {
    guard let connection, let context else { return }
    let replies = connection.takeReplies()
    guard !replies.isEmpty else { return }
    var buffer = context.channel.allocator.buffer(capacity: replies.reduce(0) { $0 + $1.bytes.count })
    for reply in replies { buffer.writeBytes(reply.bytes) }
    write(buffer) { session in
      for reply in replies {
        session.state.finish(reply.requestId)
        session.daemon.requestEnded(chargedByteCount: reply.chargedByteCount)
      }
    }
    advance()
  }

  /// Answers at once, without a worker.
  func answer(_ header: FrameHeader, _ reply: Reply) {
    let bytes = reply.encodeFrame(requestId: header.requestId, requestKind: header.kind)
    write(ByteBuffer(bytes: bytes)) { _ in }
  }

  /// - Parameter written: called when the kernel has the last byte, or the connection has failed.
  func write(_ buffer: ByteBuffer, written: @escaping (Session) -> Void) {
    guard let context else { return }
    watch.willWrite(buffer.readableBytes, isFirst: unwrittenCount == 0, now: context.eventLoop.now)
    unwrittenCount += 1
    mustFlush = true
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { [self] _ in
      unwrittenCount -= 1
      written(self)
      advance()
    }
    context.write(wrapOutboundOut(buffer), promise: promise)
  }

  func tick() {
    guard let context, !isOver else { return }
    let buffered = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
    let verdict = watch.check(
      now: context.eventLoop.now, isGreeted: state.isGreeted,
      bufferedByteCount: unwrittenCount > 0 ? Int(buffered ?? 0) : nil)
    guard let reason = verdict else { return }
    daemon.logger.log(
      level: watch.isLingering ? .debug : .warning, "connection closed by timeout",
      metadata: ["connection.id": "\(number)", "reason": "\(reason)"])
    context.close(promise: nil)
  }
}
