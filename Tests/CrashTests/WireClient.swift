import Glibc
import VecCore
import VecProtocol

/// A client that does one request at a time on one blocking socket: what a test needs that kills the other end.
final class WireClient {
  /// The other end is gone; whether the request was carried out is unknown.
  struct Lost: Error {}

  private let fd: Int32
  private var decoder = FrameDecoder()
  private var lastRequest: UInt64 = 0

  /// Nil when nothing answers at the path.
  init?(socketPath: String) {
    fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8.prefix(107)) }
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard isConnected, (try? call(.hello(HelloRequest(clientName: "crash test")))) != nil else {
      return nil  // deinit closes: every property is set
    }
  }

  deinit { close(fd) }

  /// Sends a request and waits for its reply. Throws the daemon's error, or `Lost`.
  @discardableResult
  func call(_ request: Request) throws -> Reply {
    lastRequest += 1
    try send(request.encodeFrame(requestId: lastRequest))
    while true {
      if let frame = try decoder.next() {
        let reply = try Reply.decode(kind: try frame.header.replyKind(), status: frame.header.status, body: frame.body)
        if case .failure(let error) = reply { throw error }
        return reply
      }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(fd, &buffer, buffer.count, 0)
      guard count > 0 else { throw Lost() }
      decoder.push(Array(buffer[0..<count]))
    }
  }

  private func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw Lost() }
      sent += count
    }
  }
}
