import Testing
import VecClient
import VecProtocol

private let upsert = UpsertRequest(collection: "c", dimension: 2, ids: [1, 2], vectors: [1, 2, 3, 4])

@Suite("Single writes of a client")
struct SingleWriteTests {
  @Test("each gets a token of its own, unless the caller has one")
  func tokens() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      let receipt = WriteReceipt(generation: "g", sequence: 5, existing: 1)
      if case .upsert = request { peer.send(.upsert(receipt), to: header) } else { peer.send(.delete(receipt), to: header) }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    for _ in 0..<20 {
      #expect(try await client.upsert(upsert) == WriteReceipt(generation: "g", sequence: 5, existing: 1))
      try await client.delete(DeleteRequest(collection: "c", ids: [1]))
    }
    let own = WriteToken(high: 3, low: 4)
    var named = upsert
    named.token = own
    try await client.upsert(named)
    let tokens = daemon.requests.map { (request) -> WriteToken? in
      switch request {
      case .upsert(let upsert): upsert.token
      case .delete(let delete): delete.token
      default: nil
      }
    }
    #expect(tokens.allSatisfy { $0 != nil })
    #expect(Set(tokens).count == 41)
    #expect(tokens.last == own)
  }

  @Test("one whose connection is lost is sent again as it was, and what the daemon says of it is the answer")
  func sentAgain() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, _ in
      if peer.number == 1 { return peer.end() }
      peer.send(.upsert(WriteReceipt(generation: "g", sequence: 9, existing: 0, isRepeated: true)), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let receipt = try await client.upsert(upsert)
    #expect(receipt.isRepeated && receipt.sequence == 9)
    #expect(daemon.requests.count == 2)
    #expect(daemon.requests.first == daemon.requests.last, "the same token, the same rows")
  }

  @Test("one whose outcome is unknown is told so at once: its daemon is about to end")
  func outcomeUnknown() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, _ in
      peer.send(.failure(VecError(.outcomeUnknown, "a sync failed")), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(await code { try await client.upsert(upsert) } == .outcomeUnknown)
    #expect(daemon.requests.count == 1)
  }

  @Test("what is too much for one write is refused before it is sent")
  func limits() async throws {
    let daemon = FakeDaemon(path: socketPath()) { _, _, _ in }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let many = UpsertRequest(
      collection: "c", dimension: 1, ids: .init(repeating: 1, count: 16_385), vectors: .init(repeating: 1, count: 16_385))
    #expect(await code { try await client.upsert(many) } == .limitExceeded)
    #expect(await code { try await client.delete(DeleteRequest(collection: "c", ids: [])) } == .invalidArgument)
    #expect(daemon.requests.isEmpty)
  }

  @Test("seal, compact, snapshot and cancel build give what the daemon says; only the last has a deadline by itself")
  func upkeep() async throws {
    let daemon = FakeDaemon(path: socketPath()) { peer, header, request in
      switch request {
      case .seal: peer.send(.seal("{\"rows\":\(header.deadlineMilliseconds)}"), to: header)
      case .compact: peer.send(.compact("{\"rows\":\(header.deadlineMilliseconds)}"), to: header)
      case .snapshot(let name): peer.send(.snapshot("{\"path\":\"\(name)\"}"), to: header)
      default: peer.send(.cancelBuild(wasRunning: header.deadlineMilliseconds > 0), to: header)
      }
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(try await client.seal(collection: "c") == "{\"rows\":0}")
    #expect(try await client.compact(collection: "c", generation: "g") == "{\"rows\":0}")
    #expect(try await client.snapshot("s") == "{\"path\":\"s\"}")
    #expect(try await client.cancelBuild(collection: "c"))
  }
}
