import Synchronization
import Testing
import VecClient
import VecProtocol

@Suite("A deadline")
struct DeadlineTests {
  @Test("is told to the daemon and kept without it")
  func silentDaemon() async throws {
    let deadlines = Mutex<[UInt32]>([])
    let daemon = FakeDaemon(path: socketPath()) { _, header, _ in
      deadlines.withLock { $0.append(header.deadlineMilliseconds) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let start = ContinuousClock.now
    #expect(await code { try await client.ping(deadline: .milliseconds(80)) } == .deadlineExceeded)
    let elapsed = ContinuousClock.now - start
    #expect(elapsed >= .milliseconds(80) && elapsed < .seconds(3), "\(elapsed)")
    let told = try #require(deadlines.withLock { $0 }.first)
    #expect((1...80).contains(told))
  }

  @Test("of a call that names none is the option's, and none for work that may take hours")
  func defaults() async throws {
    let deadlines = Mutex<[MessageKind: UInt32]>([:])
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      deadlines.withLock { $0[request.kind] = header.deadlineMilliseconds }
      peer.send(.failure(VecError(.busy, "later")), to: header)
    }
    var options = VecClientOptions()
    options.deadline = .seconds(3)
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    for (_, call) in LostConnectionTests.reads + LostConnectionTests.writes {
      #expect(await code { try await call(client) } == .busy)
    }
    let told = deadlines.withLock { $0 }
    for kind in [MessageKind.buildIndex, .publish, .rollback, .verify, .ingestBegin] { #expect(told[kind] == 0) }
    for kind in [MessageKind.search, .get, .list, .create, .drop, .ping] {
      #expect((2000...3000).contains(told[kind] ?? 0), "\(kind)")
    }
    #expect(await code { _ = try await client.verify(deadline: .seconds(1)) } == .busy)
    #expect((500...1000).contains(deadlines.withLock { $0[.verify] ?? 0 }))
  }

  @Test("that passes gives the call's place to the next, and the late reply is ignored")
  func slotIsReleased() async throws {
    let first = Mutex<FrameHeader?>(nil)
    let hello = Reply.hello(HandshakeReply(inFlightLimit: 1))
    let daemon = FakeDaemon(path: socketPath(), hello: hello) { peer, header, request in
      guard case .ping(let bytes) = request else { return }
      if bytes == [1] { return first.withLock { $0 = header } }
      if let late = first.withLock({ $0 }) { peer.send(.ping([9]), to: late) }
      peer.send(.ping(bytes), to: header)
    }
    var options = VecClientOptions()
    options.deadlineGrace = .milliseconds(10)
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    #expect(await code { try await client.ping([1], deadline: .milliseconds(50)) } == .deadlineExceeded)
    #expect(try await client.ping([2]) == [2])
    #expect(try await client.ping([3]) == [3])
    #expect(daemon.connectionCount == 1)
  }

  @Test("of a call that waits for its turn passes too, and nothing of it is sent")
  func waitingCall() async throws {
    let hello = Reply.hello(HandshakeReply(inFlightLimit: 1))
    let daemon = FakeDaemon(path: socketPath(), hello: hello) { _, _, _ in }
    var options = VecClientOptions()
    options.deadlineGrace = .zero
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    async let first = code { try await client.ping([1], deadline: .milliseconds(400)) }
    #expect(await eventually { daemon.requestCount(.ping) == 1 })
    #expect(await code { try await client.ping([2], deadline: .milliseconds(30)) } == .deadlineExceeded)
    #expect(daemon.requestCount(.ping) == 1)
    #expect(await first == .deadlineExceeded)
  }

  @Test("is not needed to leave: a cancelled task gives its place to the next")
  func cancellation() async throws {
    let hello = Reply.hello(HandshakeReply(inFlightLimit: 1))
    let daemon = FakeDaemon(path: socketPath(), hello: hello) { peer, header, request in
      if case .ping(let bytes) = request, bytes != [1] { peer.send(.ping(bytes), to: header) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let stuck = Task { await code { try await client.ping([1]) } }
    #expect(await eventually { daemon.requestCount(.ping) == 1 })
    stuck.cancel()
    #expect(await stuck.value == .deadlineExceeded)
    #expect(try await client.ping([2]) == [2])
  }

  @Test("holds while the daemon is away")
  func whileReconnecting() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, _, _ in peer.end() }
    var options = VecClientOptions()
    options.reconnectAttempts = 1000
    options.reconnectDelay = .milliseconds(50)
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    daemon.stop()
    let start = ContinuousClock.now
    #expect(await code { try await client.ping(deadline: .milliseconds(100)) } == .deadlineExceeded)
    #expect(ContinuousClock.now - start < .seconds(3))
  }
}
