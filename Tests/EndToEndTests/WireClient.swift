import Glibc
import Testing
import VecCore
import VecProtocol

/// A client on a blocking socket that can send what no client should. Every wait ends after ten seconds.
final class WireClient {
  private var descriptor: Int32
  private var decoder = FrameDecoder()

  init(_ daemon: DaemonFixture, greets: Bool = true) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: daemon.socket.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0, "connect: errno \(errno)")
    setTimeout(SO_RCVTIMEO, milliseconds: 10_000)
    setTimeout(SO_SNDTIMEO, milliseconds: 10_000)
    guard greets else { return }
    send(Request.hello(HelloRequest(clientName: "test")).encodeFrame(requestId: 0))
    _ = try #require(try receive(), "no answer to hello")
  }

  deinit { close() }

  /// Goes away; may be called twice.
  func close() {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    descriptor = -1
  }

  func setTimeout(_ option: Int32, milliseconds: Int) {
    var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Bytes that the daemon took: fewer than given when it is gone or takes nothing.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { break }
      sent += count
    }
    return sent
  }

  /// The next reply and the request it answers; nil when the daemon has closed.
  func receive() throws -> (requestId: UInt64, reply: Reply)? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      if let frame = try decoder.next() {
        let kind = MessageKind(rawValue: frame.header.kind & ~WireProtocol.replyBit) ?? .ping
        return (frame.header.requestId, try Reply.decode(kind: kind, status: frame.header.status, body: frame.body))
      }
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
      try #require(count > 0, "no reply: errno \(errno)")
      decoder.push(Array(buffer[..<count]))
    }
  }

  /// The error of the next reply.
  func receiveError() throws -> (requestId: UInt64, error: VecError) {
    let answer = try #require(try receive(), "closed without a word")
    guard case .failure(let error) = answer.reply else {
      Issue.record("no error, but \(answer.reply)")
      return (answer.requestId, VecError(.internalDefect, ""))
    }
    return (answer.requestId, error)
  }
}
