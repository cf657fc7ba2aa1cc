import Foundation
import Glibc
import Synchronization
import VecCore
import VecProtocol

/// A daemon made of a script: blocking POSIX sockets, one thread per connection, so that it shares nothing with the
/// client under test but the codec.
final class FakeDaemon: Sendable {
  /// What the script is given: the connection, the frame's header and the request.
  typealias Script = @Sendable (FakePeer, FrameHeader, Request) -> Void

  private struct State {
    var listener: Int32 = -1
    var peers: [FakePeer] = []
    var requests: [Request] = []
  }

  let path: String
  private let script: Script
  private let hello: Reply
  private let state = Mutex(State())

  /// - Parameter hello: how every handshake is answered.
  init(path: String, hello: Reply = .hello(HandshakeReply()), script: @escaping Script) {
    self.path = path
    self.hello = hello
    self.script = script
    start()
  }

  deinit {
    stop()
    unlink(path)
  }

  /// All requests but hellos, in the order they came.
  var requests: [Request] { state.withLock { $0.requests } }
  var connectionCount: Int { state.withLock { $0.peers.count } }

  func requestCount(_ kind: MessageKind) -> Int { requests.filter { $0.kind == kind }.count }

  func start() {
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    unlink(path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    precondition(bound == 0 && listen(listener, 16) == 0, "the fake daemon cannot listen: errno \(errno)")
    state.withLock { $0.listener = listener }
    Thread.detachNewThread { [weak self] in
      defer { close(listener) }
      while true {
        let connected = accept(listener, nil, nil)
        guard connected >= 0, let self else { return }
        let number = self.state.withLock { (state) -> Int in state.peers.count + 1 }
        let peer = FakePeer(descriptor: connected, number: number)
        self.state.withLock { $0.peers.append(peer) }
        let script = self.script
        let hello = self.hello
        Thread.detachNewThread { [weak self] in
          peer.serve { header, request in
            if case .hello = request { return peer.send(hello, to: header) }
            self?.state.withLock { $0.requests.append(request) }
            script(peer, header, request)
          }
        }
      }
    }
  }

  /// Ends every connection and takes no more, as a daemon that has died.
  func stop() {
    let (listener, peers) = state.withLock { (state) -> (Int32, [FakePeer]) in
      defer { state.listener = -1 }
      return (state.listener, state.peers)
    }
    // The accepting thread closes it: its number must not be used again while that thread may still accept on it.
    if listener >= 0 { shutdown(listener, Int32(SHUT_RDWR)) }
    for peer in peers { peer.end() }
  }
}

/// The daemon's side of one connection.
final class FakePeer: Sendable {
  /// 1 for the first connection of the daemon.
  let number: Int
  private let descriptor: Int32
  private let writing = Mutex(())

  init(descriptor: Int32, number: Int) {
    self.descriptor = descriptor
    self.number = number
  }

  func serve(_ handle: (FrameHeader, Request) -> Void) {
    var decoder = FrameDecoder()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      decoder.push(Array(buffer[..<count]))
      do {
        while let frame = try decoder.next() {
          handle(frame.header, try Request.decode(kind: frame.header.requestKind(), body: frame.body))
        }
      } catch {
        fatalError("the client sent what no daemon reads: \(error)")
      }
    }
    end()
  }

  func send(_ reply: Reply, to header: FrameHeader) {
    sendRaw(reply.encodeFrame(requestId: header.requestId, requestKind: header.kind))
  }

  func sendRaw(_ bytes: [UInt8]) {
    writing.withLock { _ in
      var sent = 0
      while sent < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        sent += count
      }
    }
  }

  /// Ends the connection; the descriptor stays with us, so that no number is used again under a thread's feet.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  deinit { close(descriptor) }
}

/// A socket path of its own for each test.
func socketPath() -> String { "/tmp/vecclient-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock" }

/// The code of what `body` throws; nil when it throws nothing.
func code(_ body: () async throws -> Void) async -> VecErrorCode? {
  await failure(body)?.code
}

func failure(_ body: () async throws -> Void) async -> VecError? {
  do {
    try await body()
    return nil
  } catch { return (error as? VecError) ?? VecError(.internalDefect, "not a VecError: \(error)") }
}

/// Waits until `condition` holds; false after five seconds.
func eventually(_ condition: () -> Bool) async -> Bool {
  for _ in 0..<1000 {
    if condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return condition()
}
