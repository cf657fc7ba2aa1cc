import Synchronization
import Testing
import VecClient
import VecProtocol

@Suite("Many calls on one connection")
struct PipelineTests {
  /// Answers that tell which request they belong to: the id is the request's k.
  static func answer(_ search: SearchRequest) -> Reply {
    .search(
      SearchReply(
        generation: "g1", generationNumber: 1, sequence: 1, index: .flat, expectedRecall: 1, resultCounts: [1],
        ids: [UInt64(search.k)], scores: [0], interests: [0]))
  }

  static func search(_ k: Int) -> SearchRequest {
    SearchRequest(collection: "c", k: k, dimension: 2, vectors: [1, 2])
  }

  @Test("replies in reverse order reach the calls that asked")
  func outOfOrder() async throws {
    let held = Mutex<[(FrameHeader, SearchRequest)]>([])
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      guard case .search(let search) = request else { return }
      let all = held.withLock { (held) -> [(FrameHeader, SearchRequest)] in
        held.append((header, search))
        return held.count == 20 ? held : []
      }
      for (header, search) in all.reversed() { peer.send(Self.answer(search), to: header) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for k in 1...20 {
        group.addTask {
          let ids = try await client.search(Self.search(k)).ids
          #expect(ids == [UInt64(k)])
        }
      }
      try await group.waitForAll()
    }
    #expect(daemon.connectionCount == 1)
  }

  @Test("a thousand calls at once are all answered, never more in flight than the handshake allows")
  func thousandCalls() async throws {
    struct Load {
      var held: [(FrameHeader, SearchRequest)] = []
      var received = 0
      var unanswered = 0
      var most = 0
    }
    let load = Mutex(Load())
    let limit = 16
    let hello = Reply.hello(HandshakeReply(inFlightLimit: UInt32(limit)))
    let daemon = FakeDaemon(path: socketPath(), hello: hello) { peer, header, request in
      guard case .search(let search) = request else { return }
      let batch = load.withLock { (load) -> [(FrameHeader, SearchRequest)] in
        load.unanswered += 1
        load.most = max(load.most, load.unanswered)
        load.held.append((header, search))
        // Hold replies back until the client has to wait for them; the last few must not wait for more to come.
        load.received += 1
        guard load.held.count == limit || load.received > 1000 - limit else { return [] }
        load.unanswered -= load.held.count
        defer { load.held = [] }
        return load.held
      }
      for (header, search) in batch.shuffled() { peer.send(Self.answer(search), to: header) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let answered = try await withThrowingTaskGroup(of: Int.self) { group in
      for k in 1...1000 {
        group.addTask { try await client.search(Self.search(k)).ids == [UInt64(k)] ? 1 : 0 }
      }
      return try await group.reduce(0, +)
    }
    #expect(answered == 1000)
    #expect(daemon.requestCount(.search) == 1000)
    #expect(load.withLock { $0.most } <= limit)
    #expect(load.withLock { $0.most } > 1, "calls must be sent without waiting for each other")
  }

  @Test("a request above the daemon's frame limit is refused here, and the connection stays")
  func frameLimit() async throws {
    let hello = Reply.hello(HandshakeReply(frameBodyLimit: 1000))
    let daemon = FakeDaemon(path: socketPath(), hello: hello) { peer, header, request in
      if case .ping(let bytes) = request { peer.send(.ping(bytes), to: header) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await client.ping(.init(repeating: 1, count: 1001)) } == .limitExceeded)
    #expect(try await client.ping([1, 2]) == [1, 2])
    #expect(client.daemon?.frameBodyBytesMax == 1000)
    #expect(daemon.connectionCount == 1)
  }

  @Test("a value out of range never leaves the client")
  func checkedBeforeSending() async throws {
    let daemon = FakeDaemon(path: socketPath()) { _, _, _ in }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { _ = try await client.search(Self.search(0)) } == .invalidArgument)
    #expect(await code { try await client.create(collection: "A/b", dimension: 4, metric: .ip) } == .invalidArgument)
    #expect(await code { _ = try await client.get(collection: "c", ids: []) } == .invalidArgument)
    #expect(daemon.requests.isEmpty)
  }

  @Test("an error of the daemon arrives with its code and its words, and the connection stays")
  func errorReplies() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      switch request {
      case .list: peer.send(.list([]), to: header)
      default: peer.send(.failure(VecError(.collectionNotFound, "no collection \"c\"")), to: header)
      }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let error = await failure { _ = try await client.search(Self.search(1)) }
    #expect(error == VecError(.collectionNotFound, "no collection \"c\""))
    #expect(try await client.list().isEmpty)
    #expect(daemon.connectionCount == 1)
  }

  @Test("an answer of another shape than asked is refused")
  func wrongShape() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      switch request {
      case .search: peer.send(Self.answer(Self.search(1)), to: header)
      default: peer.send(.get(GetReply(generation: "g", dimension: 1, found: [true], vectors: [1])), to: header)
      }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    var two = Self.search(1)
    two.vectors = [1, 2, 3, 4]
    let request = two
    #expect(await code { _ = try await client.search(request) } == .malformedFrame)
    #expect(await code { _ = try await client.get(collection: "c", ids: [1, 2]) } == .malformedFrame)
  }
}
