import Logging
import NIOCore
import VecCore
import VecProtocol

extension Session {
  /// A whole frame: answered here, or handed to the workers.
  func handle(_ frame: Frame, chargedByteCount: Int) {
    switch state.receive(frame.header, isStopping: daemon.isStopping) {
    case .accept(let kind): accept(frame, kind, chargedByteCount: chargedByteCount)
    case .hello:
      hello(frame)
      daemon.budget.giveBack(chargedByteCount)
    case .ping:
      answerNow(frame, .ping) { () throws(VecError) in
        guard case .ping(let bytes) = try Request.decode(kind: .ping, body: frame.body) else { return .ping([]) }
        return .ping(bytes)
      }
      daemon.budget.giveBack(chargedByteCount)
    case .refuse(let error):
      refuse(frame.header, error)
      daemon.budget.giveBack(chargedByteCount)
    }
  }

  private func accept(_ frame: Frame, _ kind: MessageKind, chargedByteCount: Int) {
    guard let connection else {
      daemon.budget.giveBack(chargedByteCount)
      return
    }
    let ticket = Ticket(
      connection: connection, kind: kind, frame: frame, chargedByteCount: chargedByteCount,
      arrival: MonotonicTime.now(), defaultDeadlineMilliseconds: daemon.options.defaultDeadlineMilliseconds)
    do throws(VecError) {
      try dispatcher.enqueue(ticket, isLast: state.inFlightCount == 1 && inbound.readableBytes == 0)
    } catch {
      state.finish(frame.header.requestId)
      daemon.budget.giveBack(chargedByteCount)
      refuse(frame.header, error)
    }
  }

  private func hello(_ frame: Frame) {
    do throws(VecError) {
      guard case .hello(let hello) = try Request.decode(kind: .hello, body: frame.body) else { return }
      let version = try hello.chosenVersion()
      state.greet()
      daemon.requests.record(.hello, nil, microseconds: nil)
      answer(frame.header, .hello(HandshakeReply(version: version)))
      daemon.logger.debug(
        "connection opened",
        metadata: ["connection.id": "\(number)", "client.name": "\(Names.quoted(hello.clientName))"])
    } catch {
      refuse(frame.header, error)
      if error.code == .unsupportedVersion { stopTaking() }
    }
  }

  private func answerNow(_ frame: Frame, _ kind: MessageKind, _ body: () throws(VecError) -> Reply) {
    do throws(VecError) {
      let reply = try body()
      daemon.requests.record(kind, nil, microseconds: nil)
      answer(frame.header, reply)
    } catch {
      refuse(frame.header, error)
    }
  }

  private func refuse(_ header: FrameHeader, _ error: VecError) {
    if let kind = MessageKind(rawValue: header.kind) {
      daemon.requests.record(kind, error.code, microseconds: nil)
    } else {
      daemon.requests.recordMalformed()
    }
    answer(header, .failure(error))
  }

  /// The bytes are no frames any more: say so, finish what was accepted, close.
  func breakOff(_ error: VecError) {
    daemon.requests.recordMalformed()
    let header = FrameHeader(bodyByteCount: 0, requestId: decoder.failedRequestId, kind: 0)
    answer(header, .failure(error))
    daemon.logger.debug("connection broke the framing", metadata: ["connection.id": "\(number)", "error": "\(error)"])
    stopTaking()
  }

  private func stopTaking() {
    state.end()
    releaseGrant()
    inbound.clear()
    frameBytesMissing = 0
    watch.frameEnded()
  }

  /// Closes so that the last reply can be read: first our side only, and the rest when the client has closed its side
  /// or after a second. Closing at once with unread bytes would reset the connection under the client's write.
  func linger() {
    guard let context, !isOver else { return }
    guard !isInputClosed, !watch.isLingering else {
      if isInputClosed { context.close(promise: nil) }
      return
    }
    watch.linger(now: context.eventLoop.now)
    context.close(mode: .output, promise: nil)
  }
}
