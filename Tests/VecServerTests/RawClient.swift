import Dispatch
import Glibc
import VecCore
import VecProtocol
import VecServer

/// A blocking client that can also misbehave. Every call that waits gives up after two minutes: the machine may be busy
/// with other tests.
///
/// `@unchecked`: a test hands it from thread to thread, and one at a time uses it.
final class RawClient: @unchecked Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  struct Answer {
    var requestId: UInt64
    var kind: UInt16
    var reply: Reply

    var code: VecErrorCode? { if case .failure(let error) = reply { error.code } else { nil } }
  }

  let descriptor: Int32
  private var decoder = FrameDecoder()
  private var nextId: UInt64 = 1

  init(_ path: String, greets: Bool = true) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {  // deinit closes: every property is set
      throw Failure(description: "connect: errno \(errno)")
    }
    setTimeout(SO_RCVTIMEO, milliseconds: 120_000)
    setTimeout(SO_SNDTIMEO, milliseconds: 120_000)
    if greets { try greet() }
  }

  deinit { close(descriptor) }

  func setTimeout(_ option: Int32, milliseconds: Int) {
    var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  func greet() throws {
    guard case .hello = try ask(.hello(HelloRequest(clientName: "test"))) else { throw Failure(description: "no hello") }
  }

  func freshId() -> UInt64 {
    defer { nextId += 1 }
    return nextId
  }

  /// Bytes that the socket took: fewer than given when the other side is gone or takes nothing.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    bytes.withUnsafeBytes { all in
      while sent < all.count {
        let count = Glibc.send(descriptor, all.baseAddress! + sent, all.count - sent, Int32(MSG_NOSIGNAL))
        if count <= 0 { return }
        sent += count
      }
    }
    return sent
  }

  @discardableResult
  func send(_ request: Request, id: UInt64? = nil, deadlineMilliseconds: UInt32 = 0) throws -> UInt64 {
    let id = id ?? freshId()
    let bytes = request.encodeFrame(requestId: id, deadlineMilliseconds: deadlineMilliseconds)
    guard send(bytes) == bytes.count else { throw Failure(description: "the daemon takes no request") }
    return id
  }

  /// The next reply; nil when the daemon has closed.
  func receive() throws -> Answer? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      if let frame = try decoder.next() {
        let kind = MessageKind(rawValue: frame.header.kind & ~WireProtocol.replyBit)
        guard frame.header.kind & WireProtocol.replyBit != 0, kind != nil || frame.header.status != 0 else {
          throw Failure(description: "not a reply: \(frame.header)")
        }
        let reply = try Reply.decode(kind: kind ?? .ping, status: frame.header.status, body: frame.body)
        return Answer(requestId: frame.header.requestId, kind: frame.header.kind, reply: reply)
      }
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
      guard count > 0 else { throw Failure(description: "no reply: errno \(errno)") }
      buffer.withUnsafeBytes { decoder.push(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  func receive(count: Int) throws -> [Answer] {
    var answers: [Answer] = []
    while answers.count < count {
      guard let answer = try receive() else { throw Failure(description: "closed after \(answers.count) replies") }
      answers.append(answer)
    }
    return answers
  }

  func ask(_ request: Request, deadlineMilliseconds: UInt32 = 0) throws -> Reply {
    let id = try send(request, deadlineMilliseconds: deadlineMilliseconds)
    guard let answer = try receive() else { throw Failure(description: "closed instead of a reply") }
    guard answer.requestId == id else { throw Failure(description: "reply to \(answer.requestId), not \(id)") }
    return answer.reply
  }

  /// As `ask`, but an error reply is thrown.
  func must(_ request: Request) throws -> Reply {
    let reply = try ask(request)
    if case .failure(let error) = reply { throw error }
    return reply
  }
}

/// Runs blocking code away from the threads that the daemon's own `async` parts need.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
  }
}
