package import VecCore
package import VecProtocol

/// What a connection has done so far and what it may do next: pure rules, no sockets, no clock.
///
/// Thread rule: belongs to the connection's event loop.
package struct SessionState: Sendable {
  /// What to do with a request frame that arrived whole.
  package enum Verdict: Equatable, Sendable {
    /// Say hello and remember it with `greet()`.
    case hello
    case ping
    /// Hand it to the workers; it is in flight until `finish`.
    case accept(MessageKind)
    /// Answer this error at once; the connection stays usable.
    case refuse(VecError)
  }

  package private(set) var isGreeted = false
  /// Nothing more will be taken from this connection: the client closed its side, or broke the framing.
  package private(set) var isEnding = false
  /// Body bytes of the requests in flight.
  package private(set) var heldByteCount = 0
  private var inFlight: [UInt64: Int] = [:]

  private let inFlightMax: Int
  private let heldByteMax: Int

  package init(inFlightMax: Int = Limits.inFlightMax, heldByteMax: Int = Limits.frameBodyBytesMax) {
    self.inFlightMax = inFlightMax
    self.heldByteMax = heldByteMax
  }

  package var inFlightCount: Int { inFlight.count }

  /// Whether a further frame may be taken. The byte limit may be passed by one frame, so that the largest one is
  /// always possible.
  package var mayTakeFrame: Bool { !isEnding && inFlight.count < inFlightMax && heldByteCount < heldByteMax }

  package mutating func receive(_ header: FrameHeader, isStopping: Bool) -> Verdict {
    let kind: MessageKind
    do throws(VecError) {
      kind = try header.requestKind()
    } catch {
      return .refuse(error)
    }
    if kind == .hello {
      guard !isGreeted else { return .refuse(VecError(.malformedFrame, "hello was said before on this connection")) }
      return .hello
    }
    guard isGreeted else {
      return .refuse(VecError(.malformedFrame, "\(kind.name) before hello; the first request must be hello"))
    }
    guard inFlight[header.requestId] == nil else {
      return .refuse(
        VecError(
          .malformedFrame, "request id \(header.requestId) is in flight already; use another until it is answered"))
    }
    if kind == .ping { return .ping }
    guard !isStopping else {
      return .refuse(VecError(.shuttingDown, "the daemon is stopping; connect again when it is back"))
    }
    let byteCount = Int(header.bodyByteCount)
    inFlight[header.requestId] = byteCount
    heldByteCount += byteCount
    return .accept(kind)
  }

  package mutating func greet() { isGreeted = true }

  /// The reply of a request has left, or never will.
  package mutating func finish(_ requestId: UInt64) {
    if let byteCount = inFlight.removeValue(forKey: requestId) { heldByteCount -= byteCount }
  }

  package mutating func end() { isEnding = true }
}
