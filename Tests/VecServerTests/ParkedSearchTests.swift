import Glibc
import Testing
import VecCore
import VecProtocol
import VecServer

private typealias Failure = RawClient.Failure

/// A search of `items` that wants to see a sequence number.
private func search(_ least: UInt64) -> Request {
  guard case .search(var search) = SampleRows.search("items") else { return .list }
  search.leastSequence = least
  return .search(search)
}

private func sequence(_ client: RawClient) throws -> UInt64 {
  guard case .list(let found) = try client.must(.list) else { throw Failure(description: "no list") }
  return found.first?.sequence ?? 0
}

private func waitUntilParked(_ count: Int, _ client: RawClient) throws {
  for _ in 0..<5_000 {
    guard case .stats(let json) = try client.must(.stats) else { throw Failure(description: "no stats") }
    if json.contains(#""parked_searches":\#(count),"#) { return }
    usleep(2_000)
  }
  throw Failure(description: "\(count) searches were never parked")
}

@Suite("A search that waits for a sequence number", .serialized)
struct ParkedSearchTests {
  @Test("is answered at once when it is there, and with deadline-exceeded and both numbers when it does not come")
  func thereOrNot() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100, through: client)
        let now = try sequence(client)
        guard case .search(let found) = try client.ask(search(now)) else { throw Failure(description: "no answer") }
        #expect(found.sequence == now)
        let start = MonotonicTime.now()
        guard case .failure(let error) = try client.ask(search(now + 7), deadlineMilliseconds: 150) else {
          throw Failure(description: "answered without what it asked for")
        }
        #expect((100..<2_000).contains((MonotonicTime.now() - start) / 1_000_000))
        #expect(error.code == .deadlineExceeded)
        #expect(error.message.contains("\(now),") && error.message.contains("\(now + 7)"), "\(error)")
        guard case .failure(let missing) = try client.ask(.search(SearchRequest(
          collection: "nope", k: 1, dimension: 1, vectors: [1], leastSequence: 9))) else { return }
        #expect(missing.code == .collectionNotFound)
        try waitUntilParked(0, client)
      }
    }
  }

  @Test("is answered when a publish has made it so, holds no thread meanwhile, and others are not held up")
  func woken() async throws {
    try await withDaemon({ $0.threads = 1 }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100, through: client)
        let now = try sequence(client)
        let waiting = try daemon.client()
        for id in UInt64(1)...20 { try waiting.send(search(now + 1), id: id, deadlineMilliseconds: 60_000) }
        try waiting.send(search(now + 1_000), id: 21, deadlineMilliseconds: 1_000)
        try waitUntilParked(21, client)
        #expect(try client.ask(SampleRows.search("items")).isGood)
        _ = try client.must(.ingestBegin(IngestBeginRequest(collection: "items", generation: "g2")))
        let rows = IngestRows(
          ingest: 2, dimension: SampleRows.dimension, ids: [7], elements: .f32(SampleRows.vectors(1, seed: 3)))
        _ = try client.must(.ingestRows(rows))
        guard case .ingestCommit(let receipt) = try client.must(.ingestCommit(ingest: 2)) else { return }
        #expect(receipt.sequence > now)
        let answers = try waiting.receive(count: 20)
        #expect(Set(answers.map(\.requestId)) == Set(1...20) && answers.allSatisfy { $0.code == nil })
        for answer in answers {
          if case .search(let found) = answer.reply { #expect(found.sequence > now) }
        }
        #expect(try waiting.receive()?.code == .deadlineExceeded)
      }
    }
  }

  @Test("is let go when its client leaves, its collection is dropped, or the daemon stops")
  func ends() async throws {
    try await withDaemon { daemon in
      let client = try await blocking { () -> RawClient in
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100, through: client)
        do {
          let leaver = try daemon.client()
          for _ in 0..<5 { try leaver.send(search(1_000_000), deadlineMilliseconds: 60_000) }
          try waitUntilParked(5, client)
        }
        try waitUntilParked(0, client)
        try client.send(search(1_000_000), deadlineMilliseconds: 60_000)
        let other = try daemon.client()
        try waitUntilParked(1, other)
        _ = try other.must(.drop(DropRequest(collection: "items")))
        #expect(try client.receive()?.code == .collectionNotFound)
        try SampleRows.publish("items", count: 100, through: other)
        try client.send(search(1_000_000), deadlineMilliseconds: 60_000)
        try waitUntilParked(1, other)
        return client
      }
      let start = MonotonicTime.now()
      async let stopped: Void = daemon.server.stop()
      let answer = try await blocking { try client.receive() }
      #expect(answer?.code == .shuttingDown)
      await stopped
      #expect(MonotonicTime.now() - start < 5_000_000_000)
    }
  }
}
