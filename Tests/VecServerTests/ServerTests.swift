import Glibc
import Testing
import VecCore
import VecProtocol
import VecServer

private typealias Failure = RawClient.Failure

/// All of these run a whole daemon on a real socket; one after the other, because they measure time.
@Suite("The daemon over its socket", .serialized)
struct ServerTests {
  @Test("every kind of request is answered, end to end")
  func everyKind() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        #expect(try client.ask(.ping([1, 2, 3])) == .ping([1, 2, 3]))
        try SampleRows.publish("items", count: 500, through: client)
        guard case .list(let found) = try client.must(.list) else { throw Failure(description: "no list") }
        #expect(found.map(\.name) == ["items"])
        #expect(found.first?.liveRowCount == 500)
        guard case .search(let hits) = try client.must(SampleRows.search("items", k: 5)) else {
          throw Failure(description: "no search reply")
        }
        #expect(hits.ids.count == 5)
        #expect(hits.generation == "g1")
        let got = try client.must(.get(GetRequest(collection: "items", ids: [3, 9999])))
        guard case .get(let vectors) = got else { throw Failure(description: "no get reply") }
        #expect(vectors.found == [true, false])
        #expect(vectors.vectors.count == SampleRows.dimension)
        guard case .generations(let all, _) = try client.must(.generations(GenerationsRequest(collection: "items"))) else {
          throw Failure(description: "no generations")
        }
        #expect(all.map(\.state) == [.live])
        guard case .verify(let report) = try client.must(.verify(collection: nil)) else {
          throw Failure(description: "no verify reply")
        }
        #expect(report.findings == [])
        guard case .failure(let error) = try client.ask(.rollback(collection: "items")) else {
          throw Failure(description: "rolled back to nothing")
        }
        #expect(error.code == .noPreviousGeneration)
        guard case .stats(let json) = try client.must(.stats) else { throw Failure(description: "no stats") }
        #expect(json.contains(#""search":{"count":1,"errors":{}"#))
        #expect(json.contains(#""rollback":{"count":1,"errors":{"no-previous-generation":1}"#))
        _ = try client.must(.drop(DropRequest(collection: "items")))
        #expect(try client.must(.list) == .list([]))
      }
    }
  }

  @Test("pipelined requests are all answered, each by its id, with the answers of one-by-one requests")
  func pipelining() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 2000, through: client)
        let alone = try (0..<50).map { try client.must(SampleRows.search("items", queries: 1 + $0 % 7, seed: UInt64($0))) }
        var replies: [UInt64: Reply] = [:]
        for number in 0..<200 {
          try client.send(
            SampleRows.search("items", queries: 1 + number % 50 % 7, seed: UInt64(number % 50)),
            id: UInt64(5000 - number))
        }
        for answer in try client.receive(count: 200) { replies[answer.requestId] = answer.reply }
        for number in 0..<200 { #expect(replies[UInt64(5000 - number)] == alone[number % 50]) }
      }
    }
  }

  @Test("a ping overtakes a long search, and two searches of one connection run side by side")
  func outOfOrder() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: client)
        try client.send(SampleRows.search("items", queries: 2000), id: 1)
        try client.send(.ping([9]), id: 2)
        try client.send(SampleRows.search("items"), id: 3)
        #expect(try client.receive(count: 3).map(\.requestId) == [2, 3, 1])
      }
    }
  }

  @Test("a frame in one-byte writes is read like any other")
  func oneByteWrites() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try RawClient(daemon.path, greets: false)
        let bytes =
          Request.hello(HelloRequest(clientName: "slow")).encodeFrame(requestId: 1)
          + Request.create(CreateRequest(collection: "c", dimension: 4, metric: .l2)).encodeFrame(requestId: 2)
        for byte in bytes {
          #expect(client.send([byte]) == 1)
          usleep(200)
        }
        #expect(try client.receive(count: 2).map(\.code) == [nil, nil])
      }
    }
  }

  @Test("bytes that are no frame are answered malformed-frame with id 0, and the connection is closed")
  func garbage() async throws {
    try await withDaemon { daemon in
      try await blocking {
        for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [1, 2, 3, 4], [UInt8](repeating: 0xFF, count: 100_000)] {
          let client = try daemon.client()
          client.send(bytes)
          let answer = try client.receive()
          #expect(answer?.requestId == 0)
          #expect(answer?.code == .malformedFrame)
          #expect(try client.receive() == nil)
        }
      }
    }
  }

  @Test("a frame that announces too much is refused before its body is sent, by its id")
  func tooLong() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        var writer = ByteWriter()
        FrameHeader(bodyByteCount: UInt32(Limits.frameBodyBytesMax) + 1, requestId: 77, kind: 15).encode(into: &writer)
        client.send(writer.bytes)
        let answer = try client.receive()
        #expect(answer?.requestId == 77)
        #expect(answer?.code == .frameTooLong)
        #expect(try client.receive() == nil)
      }
    }
  }

  @Test("errors of one request leave the connection usable: unknown kinds, bad bodies, wrong values")
  func usableAfterErrors() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try RawClient(daemon.path, greets: false)
        client.send(Request.list.encodeFrame(requestId: 1))
        #expect(try client.receive()?.code == .malformedFrame, "before hello")
        try client.greet()
        var writer = ByteWriter()
        FrameHeader(bodyByteCount: 3, requestId: 5, kind: 999).encode(into: &writer)
        client.send(writer.bytes + [1, 2, 3])
        let unknown = try client.receive()
        #expect(unknown?.code == .malformedFrame)
        let replyKind: UInt16 = 999 | 0x8000
        #expect(unknown?.kind == replyKind)
        writer = ByteWriter()
        FrameHeader(bodyByteCount: 3, requestId: 6, kind: 15).encode(into: &writer)
        client.send(writer.bytes + [1, 2, 3])
        #expect(try client.receive()?.code == .malformedFrame)
        try client.send(SampleRows.search("nothing"))
        #expect(try client.receive()?.code == .collectionNotFound)
        #expect(try client.ask(.ping([])) == .ping([]))
      }
    }
  }

  @Test("a request id in flight is refused; the request that has it is answered")
  func duplicateId() async throws {
    try await withDaemon({ $0.threads = 1 }) { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: client)
        try client.send(SampleRows.search("items", queries: 1000), id: 7)
        try client.send(SampleRows.search("items"), id: 7)
        let answers = try client.receive(count: 2)
        #expect(answers.map(\.requestId) == [7, 7])
        #expect(answers.map(\.code) == [.malformedFrame, nil])
        try client.send(.ping([]), id: 7)
        #expect(try client.receive()?.code == nil)
      }
    }
  }

  @Test("a client that closed its sending side gets every reply, then the end")
  func halfClose() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 20_000, through: client)
        for _ in 0..<20 { try client.send(SampleRows.search("items", queries: 50)) }
        shutdown(client.descriptor, Int32(SHUT_WR))
        #expect(try client.receive(count: 20).allSatisfy { $0.code == nil })
        #expect(try client.receive() == nil)
      }
    }
  }

  @Test("when a connection ends, its ingest is rolled back and its queued requests are not carried out")
  func connectionEnds() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 10, through: client)
        do {
          let leaver = try daemon.client()
          _ = try leaver.must(.ingestBegin(IngestBeginRequest(collection: "items", generation: "half")))
          let rows = IngestRows(
            ingest: 1, dimension: SampleRows.dimension, ids: [1], elements: .f32(SampleRows.vectors(1, seed: 1)))
          _ = try leaver.must(.ingestRows(rows))
          let other = try client.ask(.ingestBegin(IngestBeginRequest(collection: "items", generation: "half")))
          #expect(other == .failure(VecError(.busy, errorMessage(other))))
        }
        for attempt in 0..<200 {
          let again = try client.ask(.ingestBegin(IngestBeginRequest(collection: "items", generation: "half")))
          if case .ingestBegin = again { break }
          #expect(attempt < 199, "the generation is still held")
          usleep(10_000)
        }
        let reply = try client.must(.generations(GenerationsRequest(collection: "items")))
        guard case .generations(let all, _) = reply else { return }
        #expect(all.map(\.label) == ["g1"])
      }
    }
  }

  private func errorMessage(_ reply: Reply) -> String { if case .failure(let error) = reply { error.message } else { "" } }

  @Test("an error in one frame of an ingest ends the ingest: nothing of it stays, later frames find none")
  func ingestError() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        _ = try client.must(.create(CreateRequest(collection: "c", dimension: SampleRows.dimension, metric: .ip)))
        _ = try client.must(.ingestBegin(IngestBeginRequest(collection: "c")))
        let good = IngestRows(
          ingest: 1, dimension: SampleRows.dimension, ids: [1], elements: .f32(SampleRows.vectors(1, seed: 1)))
        let bad = IngestRows(ingest: 1, dimension: 4, ids: [2], elements: .f32([1, 2, 3, 4]))
        for request in [Request.ingestRows(good), .ingestRows(bad), .ingestRows(good), .ingestCommit(ingest: 1)] {
          try client.send(request)
        }
        #expect(
          try client.receive(count: 4).map(\.code) == [nil, .dimensionMismatch, .ingestNotFound, .ingestNotFound])
        #expect(try client.must(.generations(GenerationsRequest(collection: "c"))) == .generations([], withModels: false))
      }
    }
  }
}
