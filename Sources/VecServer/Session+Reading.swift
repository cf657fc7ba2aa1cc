import NIOCore
import VecCore
import VecProtocol

// From bytes to frames, and when to stop reading.
extension Session {
  func receive(_ data: ByteBuffer) {
    guard !state.isEnding else { return }  // a client that broke the framing: what it still sends is thrown away
    var bytes = data
    if inbound.readableBytes == 0 {
      inbound = bytes
    } else {
      inbound.discardReadBytes()  // else a client that is always ahead would grow the buffer for ever
      inbound.writeBuffer(&bytes)
    }
    advance()
  }

  private var isWritable: Bool { context?.channel.isWritable ?? false }

  var mayRead: Bool {
    if state.isEnding || decoder.isMidFrame { return true }
    if case .waiting = grant { return false }
    return state.mayTakeFrame && isWritable
  }

  /// Takes as many frames as are here and may be taken, then settles what follows from it.
  func advance() {
    guard !isAdvancing, !isOver else { return }
    isAdvancing = true
    var hasFlushed = true
    while hasFlushed, !isOver {
      while !isOver, takeFrame() {}
      hasFlushed = mustFlush
      mustFlush = false
      if hasFlushed { context?.flush() }  // what the kernel takes makes room for further frames
    }
    isAdvancing = false
    settle()
  }

  /// False when there is no whole frame, or none may be taken now.
  private func takeFrame() -> Bool {
    guard !state.isEnding else { return false }
    if frameBytesMissing == 0 {
      guard state.mayTakeFrame, isWritable, isGranted() else { return false }
    }
    let count = min(inbound.readableBytes, frameBytesMissing)
    frameBytesMissing -= count
    inbound.readWithUnsafeReadableBytes { bytes in
      decoder.push(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      return count
    }
    do throws(VecError) {
      guard let frame = try decoder.next() else { return false }
      watch.frameEnded()
      var charged = 0
      if case .held(let byteCount) = grant { charged = byteCount }
      grant = .none
      handle(frame, chargedByteCount: charged)
      return true
    } catch {
      breakOff(error)
      return false
    }
  }

  /// Whether the next frame's header is here and its bytes are charged; asks for them when not.
  private func isGranted() -> Bool {
    switch grant {
    case .waiting: return false
    case .held: return true
    case .none: break
    }
    guard let byteCount = announcedByteCount() else { return false }
    frameBytesMissing = FrameHeader.byteCount
    guard byteCount <= FrameHeader.byteCount + Limits.frameBodyBytesMax else { return true }  // the decoder refuses it
    guard let context else { return false }
    let this = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let budget = daemon.budget
    let isTaken = budget.take(byteCount) {
      // The loop may be the one that is giving bytes back right now: never re-enter it.
      eventLoop.execute { this.value.granted(byteCount) }
    }
    grant = isTaken ? .held(byteCount) : .waiting
    frameBytesMissing = isTaken ? byteCount : 0
    return isTaken
  }

  private func granted(_ byteCount: Int) {
    guard !isOver, !state.isEnding else {
      daemon.budget.giveBack(byteCount)
      return
    }
    grant = .held(byteCount)
    frameBytesMissing = byteCount
    advance()
  }

  func releaseGrant() {
    if case .held(let byteCount) = grant { daemon.budget.giveBack(byteCount) }
    grant = .none
  }

  /// Bytes of the frame that `inbound` begins with; nil while that cannot be told. Wrong magic counts as a bare header,
  /// so that the decoder sees it at once.
  private func announcedByteCount() -> Int? {
    guard let magic = inbound.getInteger(at: inbound.readerIndex, endianness: .little, as: UInt32.self) else {
      return nil
    }
    guard magic == WireProtocol.magic else { return FrameHeader.byteCount }
    guard inbound.readableBytes >= FrameHeader.byteCount,
      let length = inbound.getInteger(at: inbound.readerIndex + 4, endianness: .little, as: UInt32.self)
    else { return nil }
    return FrameHeader.byteCount + Int(length)
  }

  /// After every step: read again if reading was held and may go on, and close what is done.
  private func settle() {
    guard !isOver, let context else { return }
    watch.frameIsPending(
      decoder.isMidFrame || (inbound.readableBytes > 0 && mayRead), byteCount: frameBytesMissing,
      now: context.eventLoop.now)
    if isReadHeld, mayRead {
      isReadHeld = false
      context.read()
    }
    guard unwrittenCount == 0, state.inFlightCount == 0 else { return }
    if state.isEnding {
      linger()
    } else if isInputClosed, mayRead {
      context.close(promise: nil)
    }
  }
}
