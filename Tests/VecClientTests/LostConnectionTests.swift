import Glibc
import Testing
import VecClient
import VecProtocol

@Suite("A lost connection")
struct LostConnectionTests {
  @Test("fails a write once, with connection-lost, and the next call connects again")
  func writeIsNotRepeated() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      switch request {
      case .create: peer.end()
      default: peer.send(.list([]), to: header)
      }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await client.create(collection: "c", dimension: 4, metric: .ip) } == .connectionLost)
    #expect(try await client.list().isEmpty)
    #expect(daemon.requestCount(.create) == 1)
    #expect(daemon.connectionCount == 2)
  }

  @Test("has a read asked again on a new connection")
  func readIsRepeated() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      if peer.number == 1 { return peer.end() }
      peer.send(.stats("{}"), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(try await client.stats() == "{}")
    #expect(daemon.requestCount(.stats) == 2)
  }

  typealias Call = @Sendable (VecClient) async throws -> Void
  static let reads: [(MessageKind, Call)] = [
    (.list, { _ = try await $0.list() }),
    (.generations, { _ = try await $0.generations(collection: "c") }),
    (.search, { _ = try await $0.search(SearchRequest(collection: "c", k: 1, dimension: 1, vectors: [1])) }),
    (.get, { _ = try await $0.get(collection: "c", ids: [1]) }),
    (.stats, { _ = try await $0.stats() }),
    (.ping, { _ = try await $0.ping() }),
    (.upsert, { _ = try await $0.upsert(UpsertRequest(collection: "c", dimension: 1, ids: [1], vectors: [1])) }),
    (.delete, { _ = try await $0.delete(DeleteRequest(collection: "c", ids: [1])) }),
  ]
  static let writes: [(MessageKind, Call)] = [
    (.create, { try await $0.create(collection: "c", dimension: 1, metric: .l2) }),
    (.drop, { try await $0.drop(collection: "c") }),
    (.publish, { _ = try await $0.publish(collection: "c", generation: "g") }),
    (.rollback, { _ = try await $0.rollback(collection: "c") }),
    (.buildIndex, { _ = try await $0.buildIndex(collection: "c") }),
    (.verify, { _ = try await $0.verify() }),
    (.ingestBegin, { _ = try await $0.ingest(collection: "c") }),
    (.seal, { _ = try await $0.seal(collection: "c") }),
    (.compact, { _ = try await $0.compact(collection: "c") }),
    (.snapshot, { _ = try await $0.snapshot("s") }),
    (.cancelBuild, { _ = try await $0.cancelBuild(collection: "c") }),
  ]

  @Test("has every read, and every write with a token, asked twice and no more, when it is lost twice", arguments: reads.indices)
  func exactlyOneRepetition(index: Int) async throws {
    let (kind, call) = Self.reads[index]
    let daemon = FakeDaemon(path: socketPath()) { peer, _, _ in peer.end() }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await call(client) } == .connectionLost)
    #expect(daemon.requestCount(kind) == 2)
  }

  @Test("never has a write without a token asked twice", arguments: writes.indices)
  func noRepetition(index: Int) async throws {
    let (kind, call) = Self.writes[index]
    let daemon = FakeDaemon(path: socketPath()) { peer, _, _ in peer.end() }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await call(client) } == .connectionLost)
    #expect(daemon.requestCount(kind) == 1)
  }

  @Test("is made again when the daemon comes back within the pauses")
  func restart() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, _ in peer.send(.ping([]), to: header) }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    try await client.ping()
    daemon.stop()
    async let call = code { try await client.ping() }
    try await Task.sleep(for: .milliseconds(60))
    daemon.start()
    #expect(await call == nil)
  }

  @Test("to a daemon that stays away ends in not-reachable after a bounded number of attempts")
  func staysAway() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, _ in peer.send(.ping([]), to: header) }
    var options = VecClientOptions()
    options.reconnectAttempts = 3
    options.reconnectDelay = .milliseconds(5)
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    daemon.stop()
    unlink(daemon.path)
    let start = ContinuousClock.now
    // The loss may be noticed during the first call, which then is asked again like any lost read.
    #expect(await code { try await client.ping() } == .notReachable)
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test("is made once for all the calls that wait for it")
  func oneForAll() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      if case .create = request { return peer.end() }
      peer.send(.ping([]), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    _ = await code { try await client.create(collection: "c", dimension: 4, metric: .ip) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 { group.addTask { try await client.ping() } }
      try await group.waitForAll()
    }
    #expect(daemon.connectionCount == 2)
  }
}
