import Glibc
import Synchronization
import Testing
import VecCore
import VecProtocol
import VecServer

private typealias Failure = RawClient.Failure

@Suite("The daemon under load", .serialized)
struct ServerLoadTests {
  @Test("over capacity it answers overloaded quickly, and answers what it accepted")
  func overload() async throws {
    try await withDaemon({
      $0.threads = 1
      $0.queueMax = 2
    }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: client)
        for _ in 0..<40 { try client.send(SampleRows.search("items", queries: 500)) }
        let answers = try client.receive(count: 40)
        let overloaded = answers.indices.filter { answers[$0].code == .overloaded }
        let good = answers.indices.filter { answers[$0].code == nil }
        #expect(overloaded.count + good.count == 40)
        #expect(good.count >= 3, "one running and two queued were accepted")
        #expect(overloaded.count >= 20)
        #expect((overloaded.last ?? 99) < (good.last ?? 0), "refusals do not wait for searches")
        guard case .stats(let json) = try client.must(.stats) else { throw Failure(description: "no stats") }
        #expect(json.contains(#""overloaded":\#(overloaded.count)"#))
      }
    }
  }

  @Test("statistics and pings are answered while the search queue is full")
  func statsUnderOverload() async throws {
    try await withDaemon({
      $0.threads = 1
      $0.queueMax = 2
    }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: client)
        for _ in 0..<10 { try client.send(SampleRows.search("items", queries: 500)) }
        let watcher = try daemon.client()
        #expect(try watcher.ask(.ping([1])) == .ping([1]))
        guard case .stats = try watcher.ask(.stats) else { throw Failure(description: "no stats") }
        _ = try client.receive(count: 10)
      }
    }
  }

  @Test("a deadline ends a search under way, and a request that waited too long is not begun")
  func deadlines() async throws {
    try await withDaemon({ $0.threads = 1 }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100_000, through: client)
        let full = try milliseconds { _ = try client.must(SampleRows.search("items", queries: 4000)) }
        try client.send(SampleRows.search("items", queries: 4000), id: 1, deadlineMilliseconds: 20)
        try client.send(SampleRows.search("items"), id: 2, deadlineMilliseconds: 1)
        let cut = try milliseconds {
          let answers = try client.receive(count: 2)
          #expect(answers.map(\.requestId) == [1, 2])
          #expect(answers.map(\.code) == [.deadlineExceeded, .deadlineExceeded])
        }
        #expect(cut < max(full, 100), "\(cut) ms against \(full) ms for the whole search")
        #expect(try client.ask(SampleRows.search("items"), deadlineMilliseconds: 10_000).isGood)
      }
    }
  }

  @Test("the default deadline applies to requests that name none")
  func defaultDeadline() async throws {
    try await withDaemon({
      $0.threads = 1
      $0.defaultDeadlineMilliseconds = 20
    }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100_000, through: client)
        try client.send(SampleRows.search("items", queries: 4000))
        #expect(try client.receive()?.code == .deadlineExceeded)
        try client.send(SampleRows.search("items", queries: 100), deadlineMilliseconds: 20_000)
        #expect(try client.receive()?.code == nil)
      }
    }
  }

  @Test("a client that stops reading is closed after the write timeout while others are served")
  func stoppedReader() async throws {
    try await withDaemon({ $0.writeTimeoutSeconds = 1 }) { daemon in
      try await blocking {
        let stuck = try daemon.client()
        let other = try daemon.client()
        stuck.setTimeout(SO_SNDTIMEO, milliseconds: 50)
        let echo = [UInt8](repeating: 7, count: Limits.pingBytesMax)
        let frame = Request.ping(echo).encodeFrame(requestId: 1)
        var taken = 0
        while taken < 1000 * frame.count, stuck.send(frame) == frame.count { taken += frame.count }
        #expect(taken < 200 * frame.count, "the daemon stopped reading: it does not buffer replies without end")
        var isClosed = false
        let start = MonotonicTime.now()
        while !isClosed, MonotonicTime.now() - start < 10_000_000_000 {
          #expect(try other.ask(.ping([1])) == .ping([1]))
          isClosed = stuck.send([0]) == 0 && errno == EPIPE
          usleep(5_000)
        }
        #expect(isClosed)
        #expect(daemon.log.contains("replies not taken"))
      }
    }
  }

  @Test("a connection beyond the limit is told so and closed; a place that is freed can be taken")
  func connectionLimit() async throws {
    try await withDaemon({ $0.connectionsMax = 3 }) { daemon in
      try await blocking {
        var open = try (0..<3).map { _ in try daemon.client() }
        let refused = try RawClient(daemon.path, greets: false)
        #expect(try refused.receive()?.code == .overloaded)
        #expect(try refused.receive() == nil)
        open.removeLast()
        for attempt in 0..<200 {
          if (try? daemon.client()) != nil { break }
          #expect(attempt < 199)
          usleep(5_000)
        }
        for client in open { #expect(try client.ask(.ping([])) == .ping([])) }
      }
    }
  }

  @Test("large frames under way cannot use up the memory for requests, nor keep small requests out")
  func requestMemory() async throws {
    try await withDaemon({ $0.memoryBudget = 256 << 20 }) { daemon in
      try await blocking {
        // Two of these exceed the 96 MiB for requests: the second waits, and both stay unfinished.
        var writer = ByteWriter()
        FrameHeader(bodyByteCount: 60 << 20, requestId: 5, kind: 7).encode(into: &writer)
        let holders = try (0..<3).map { _ in try daemon.client() }
        for holder in holders { holder.send(writer.bytes + [UInt8](repeating: 1, count: 10_000)) }
        let client = try daemon.client()
        for _ in 0..<200 { #expect(try client.ask(.ping([1, 2])) == .ping([1, 2])) }
        guard case .stats(let json) = try client.must(.stats) else { throw Failure(description: "no stats") }
        #expect(json.contains(#""connections_waiting":2"#), "\(json)")
        // The holder goes: the next in line gets its bytes.
        shutdown(holders[0].descriptor, Int32(SHUT_RDWR))
        for attempt in 0..<200 {
          guard case .stats(let now) = try client.must(.stats) else { throw Failure(description: "no stats") }
          if now.contains(#""connections_waiting":1"#) || now.contains(#""connections_waiting":0"#) { break }
          #expect(attempt < 199)
          usleep(5_000)
        }
      }
    }
  }
}

extension Reply {
  var isGood: Bool { if case .failure = self { false } else { true } }
}

private func milliseconds(_ body: () throws -> Void) rethrows -> UInt64 {
  let start = MonotonicTime.now()
  try body()
  return (MonotonicTime.now() - start) / 1_000_000
}
