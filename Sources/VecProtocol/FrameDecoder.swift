package import VecCore

/// Cuts a stream of bytes, arriving in any pieces, into frames.
///
/// ```
/// decoder.push(bytes)
/// while let frame = try decoder.next() { ... }
/// ```
/// Memory grows with the bytes received, never with a length that was merely announced. A wrong magic or a length above
/// the limit ends the stream: nothing further is kept, and `next` throws after the frames that came before.
/// Not thread-safe; one per connection.
package struct FrameDecoder {
  private let bodyLimit: Int
  private var headerBytes: [UInt8] = []
  private var header: FrameHeader?
  private var body: [UInt8] = []
  private var ready: [Frame] = []
  private var readyStart = 0
  private var failure: VecError?

  /// The request id to answer a failure with: that of the frame which is too long, 0 when there is no telling.
  package private(set) var failedRequestId: UInt64 = 0

  /// - Parameter bodyLimit: bytes that a body may have.
  package init(bodyLimit: Int = Limits.frameBodyBytesMax) {
    self.bodyLimit = bodyLimit
    headerBytes.reserveCapacity(FrameHeader.byteCount)
  }

  /// Whether a frame has begun and is not complete: the time to be wary of a peer that stops sending.
  package var isMidFrame: Bool { header != nil || !headerBytes.isEmpty }

  /// Bytes held: those of the frame under way and those of frames not yet taken.
  package var bufferedByteCount: Int {
    var count = headerBytes.count + body.count
    for frame in ready[readyStart...] { count += FrameHeader.byteCount + frame.body.count }
    return count
  }

  /// Takes bytes as they came. Never fails: what is wrong with them is told by `next`, in its place in the order.
  package mutating func push(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while failure == nil, !rest.isEmpty {
      let taken = header == nil ? takeHeader(rest) : takeBody(rest)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
    }
  }

  package mutating func push(_ bytes: [UInt8]) { bytes.withUnsafeBytes { push($0) } }

  /// The next whole frame; nil until more bytes come.
  ///
  /// - Throws: `malformed-frame` or `frame-too-long`, now and on every later call. The connection must be closed.
  package mutating func next() throws(VecError) -> Frame? {
    if readyStart < ready.count {
      let frame = ready[readyStart]
      ready[readyStart].body = []
      readyStart += 1
      if readyStart == ready.count {
        ready.removeAll(keepingCapacity: ready.capacity <= 1024)
        readyStart = 0
      }
      return frame
    }
    if let failure { throw failure }
    return nil
  }

  private mutating func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
    let taken = min(bytes.count, FrameHeader.byteCount - headerBytes.count)
    headerBytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
    do throws(VecError) {
      if headerBytes.count == FrameHeader.byteCount {
        try openBody()
      } else if headerBytes.count >= 4 {
        // A peer that speaks something else may never send 24 bytes; it is told so as soon as it shows.
        try FrameHeader.checkMagic(headerBytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
      }
    } catch {
      fail(error)
    }
    return taken
  }

  private mutating func openBody() throws(VecError) {
    let opened = try headerBytes.withUnsafeBufferPointer { (bytes) throws(VecError) in
      try FrameHeader.decode(UnsafeRawBufferPointer(bytes))
    }
    guard Int(opened.bodyByteCount) <= bodyLimit else {
      failedRequestId = opened.requestId
      throw VecError(
        .frameTooLong, "frame of \(opened.bodyByteCount) bytes: the limit is \(bodyLimit); send smaller requests")
    }
    header = opened
    headerBytes.removeAll(keepingCapacity: true)
    if opened.bodyByteCount == 0 { finish(opened) }
  }

  private mutating func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let header else { return 0 }
    let length = Int(header.bodyByteCount)
    let taken = min(bytes.count, length - body.count)
    let needed = body.count + taken
    if needed > body.capacity {
      // Twice what has come, so that growing costs no more than copying once; exactly the length at the end.
      body.reserveCapacity(min(length, max(2 * needed, 4096)))
    }
    body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
    if body.count == length { finish(header) }
    return taken
  }

  private mutating func finish(_ header: FrameHeader) {
    ready.append(Frame(header: header, body: body))
    body = []
    self.header = nil
  }

  private mutating func fail(_ error: VecError) {
    failure = error
    headerBytes = []
    header = nil
    body = []
  }
}
