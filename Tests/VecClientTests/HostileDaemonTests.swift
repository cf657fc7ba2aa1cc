import Testing
import VecClient
import VecProtocol

@Suite("A daemon that sends nonsense")
struct HostileDaemonTests {
  typealias Nonsense = @Sendable (FrameHeader) -> [UInt8]

  static func frame(_ id: UInt64, kind: UInt16 = 2 | 0x8000, length: UInt32 = 0, body: [UInt8] = []) -> [UInt8] {
    var writer = ByteWriter()
    FrameHeader(bodyByteCount: length, requestId: id, kind: kind).encode(into: &writer)
    return writer.bytes + body
  }

  static let cases: [(String, VecErrorCode, Nonsense)] = [
    ("text", .malformedFrame, { _ in Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8) }),
    ("a frame above the limit", .frameTooLong, { frame($0.requestId, length: (64 << 20) + 1) }),
    ("a reply to nothing", .malformedFrame, { frame($0.requestId + 1000) }),
    ("a reply of another kind", .malformedFrame, { frame($0.requestId, kind: 17 | 0x8000) }),
    ("a request", .malformedFrame, { frame($0.requestId, kind: 2) }),
    ("id 0", .malformedFrame, { _ in frame(0) }),
    (
      "a complaint about the stream", .frameTooLong,
      { _ in Reply.failure(VecError(.frameTooLong, "too long")).encodeFrame(requestId: 0, requestKind: 0) }
    ),
  ]

  @Test("ends that connection with a clear code, and the next call works on a new one", arguments: cases.indices)
  func nonsense(index: Int) async throws {
    let (what, expected, bytes) = Self.cases[index]
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      peer.number == 1 ? peer.sendRaw(bytes(header)) : peer.send(.ping([]), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await client.ping() } == expected, "\(what)")
    #expect(await code { try await client.ping() } == nil, "\(what)")
    #expect(daemon.connectionCount == 2, "\(what)")
  }

  @Test("in a reply's body ends that connection too")
  func malformedBody() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      if peer.number > 1 { return peer.send(.list([]), to: header) }
      peer.sendRaw(Self.frame(header.requestId, kind: 4 | 0x8000, length: 4, body: [255, 255, 255, 255]))
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { _ = try await client.list() } == .malformedFrame)
    #expect(try await client.list().isEmpty)
  }

  @Test("instead of a handshake fails the connect")
  func handshake() async {
    let wrong = FakeDaemon(path: socketPath(), hello: .stats("{}")) { _, _, _ in }
    defer { wrong.stop() }
    #expect(await code { _ = try await VecClient.connect(socketPath: wrong.path) } == .malformedFrame)
    let none = HandshakeReply(inFlightLimit: 0)
    let closed = FakeDaemon(path: socketPath(), hello: .hello(none)) { _, _, _ in }
    defer { closed.stop() }
    #expect(await code { _ = try await VecClient.connect(socketPath: closed.path) } == .malformedFrame)
  }
}
