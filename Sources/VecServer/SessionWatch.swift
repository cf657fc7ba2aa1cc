package import NIOCore

/// The clocks of one connection: a client must greet, finish the frames it begins, and take its replies in time.
/// Pure arithmetic on times that are handed in.
///
/// Thread rule: belongs to the connection's event loop.
package struct SessionWatch: Sendable {
  /// Time for the hello.
  package static let helloTimeout = TimeAmount.seconds(10)
  /// The least rate at which a begun frame must come.
  package static let frameBytesPerSecondMin = 1 << 20
  /// Time for a client to read the last reply of a connection that the daemon ends.
  package static let lingerTime = TimeAmount.seconds(1)

  private let openedAt: NIODeadline
  private let writeTimeout: TimeAmount
  private var frameDeadline: NIODeadline?
  private var lingerDeadline: NIODeadline?
  private var writtenByteCount = 0
  private var takenByteCount = 0
  private var takenAt: NIODeadline

  package init(now: NIODeadline, writeTimeout: TimeAmount) {
    openedAt = now
    takenAt = now
    self.writeTimeout = writeTimeout
  }

  package var isLingering: Bool { lingerDeadline != nil }

  package mutating func linger(now: NIODeadline) { lingerDeadline = now + Self.lingerTime }

  /// Whether bytes of an unfinished frame are here and the client is the one to wait for. The clock of a frame starts
  /// with its first byte and its time grows with its length.
  package mutating func frameIsPending(_ isPending: Bool, byteCount: Int, now: NIODeadline) {
    if !isPending {
      frameDeadline = nil
    } else if frameDeadline == nil {
      frameDeadline = now + writeTimeout + .seconds(Int64(byteCount / Self.frameBytesPerSecondMin))
    }
  }

  package mutating func frameEnded() { frameDeadline = nil }

  /// - Parameter isFirst: nothing was waiting to be taken before.
  package mutating func willWrite(_ byteCount: Int, isFirst: Bool, now: NIODeadline) {
    writtenByteCount += byteCount
    if isFirst { takenAt = now }
  }

  /// Why the connection must be closed; nil while all is well.
  ///
  /// - Parameter bufferedByteCount: bytes that the kernel has not taken; nil when there are none.
  package mutating func check(now: NIODeadline, isGreeted: Bool, bufferedByteCount: Int?) -> String? {
    if let lingerDeadline, now >= lingerDeadline { return "ended by the daemon" }
    if !isGreeted, now >= openedAt + Self.helloTimeout { return "no hello" }
    if let frameDeadline, now >= frameDeadline { return "frame not finished" }
    guard let bufferedByteCount else { return nil }
    let taken = writtenByteCount - bufferedByteCount
    if taken != takenByteCount {
      takenByteCount = taken
      takenAt = now
    }
    return now >= takenAt + writeTimeout ? "replies not taken" : nil
  }
}
