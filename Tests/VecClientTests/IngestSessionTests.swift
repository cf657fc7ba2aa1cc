import Synchronization
import Testing
import VecClient
import VecProtocol

@Suite("An ingest")
struct IngestSessionTests {
  /// A daemon that takes any ingest of dimension 4 and answers as `rows` says.
  static func daemon(rows: @escaping @Sendable (FakePeer, FrameHeader, IngestRows) -> Void) -> FakeDaemon {
    FakeDaemon(path: socketPath()) { peer, header, request in
      switch request {
      case .ingestBegin:
        let begun = IngestBeginReply(ingest: 7, generation: "g1", dimension: 4, metric: .ip)
        peer.send(.ingestBegin(begun), to: header)
      case .ingestRows(let part): rows(peer, header, part)
      case .ingestCommit:
        let receipt = IngestReceipt(rowCount: 5, byteCount: 6, elementType: .f16, sequence: 8)
        peer.send(.ingestCommit(receipt), to: header)
      case .ingestAbort: peer.send(.ingestAbort, to: header)
      default: break
      }
    }
  }

  /// One row per frame.
  static let smallFrames: VecClientOptions = {
    var options = VecClientOptions()
    options.ingestFrameBytes = 1
    options.ingestWindow = 8
    return options
  }()

  @Test("arrives whole and in order, cut into frames")
  func everything() async throws {
    let received = Mutex<[IngestRows]>([])
    let daemon = Self.daemon { peer, header, rows in
      let count = received.withLock { (all) -> Int in
        all.append(rows)
        return all.reduce(0) { $0 + $1.ids.count }
      }
      peer.send(.ingestRows(received: UInt64(count)), to: header)
    }
    var options = VecClientOptions()
    options.ingestFrameBytes = 24 * 3
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: options)
    let session = try await client.ingest(collection: "c", generation: "g1")
    #expect(session.generation == "g1" && session.dimension == 4 && session.metric == .ip)
    let ids = (0..<100).map { UInt64($0) }
    let vectors = (0..<400).map { Float($0) }
    try await session.append(ids: Array(ids[..<50]), vectors: Array(vectors[..<200]))
    try await session.append(ids: [], vectors: [])
    try await session.append(ids: Array(ids[50...]), vectors: Array(vectors[200...]))
    let receipt = try await session.commit()
    #expect(receipt == IngestReceipt(rowCount: 5, byteCount: 6, elementType: .f16, sequence: 8))
    #expect(await session.receivedRowCount == 100)
    let parts = received.withLock { $0 }
    #expect(parts.allSatisfy { $0.ids.count <= 3 && $0.ingest == 7 })
    #expect(parts.flatMap(\.ids) == ids)
    let values = parts.flatMap { (part) -> [Float] in if case .f32(let values) = part.elements { values } else { [] } }
    #expect(values == vectors)
    #expect(await code { try await session.append(ids: [1], vectors: [1, 2, 3, 4]) } == .ingestNotFound)
    #expect(await code { _ = try await session.commit() } == .ingestNotFound)
  }

  @Test("of 16-bit values sends their bits")
  func halfWidth() async throws {
    let received = Mutex<[IngestRows.Elements]>([])
    let daemon = Self.daemon { peer, header, rows in
      received.withLock { $0.append(rows.elements) }
      peer.send(.ingestRows(received: 1), to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let session = try await client.ingest(collection: "c")
    try await session.append(ids: [1], float16Bits: [1, 2, 3, 4])
    try await session.append(ids: [2], bfloat16Bits: [5, 6, 7, 8])
    _ = try await session.commit()
    #expect(received.withLock { $0 } == [.f16([1, 2, 3, 4]), .bf16([5, 6, 7, 8])])
  }

  @Test("has no more frames unanswered than its window")
  func window() async throws {
    let held = Mutex<[(FakePeer, FrameHeader)]>([])
    let daemon = Self.daemon { peer, header, _ in held.withLock { $0.append((peer, header)) } }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: Self.smallFrames)
    let session = try await client.ingest(collection: "c")
    let appending = Task {
      try await session.append(ids: (0..<30).map { UInt64($0) }, vectors: .init(repeating: 1, count: 120))
      _ = try await session.commit()
    }
    #expect(await eventually { held.withLock { $0.count } == 8 })
    try await Task.sleep(for: .milliseconds(50))
    #expect(held.withLock { $0.count } == 8)
    var answered = 0
    while answered < 30 {
      #expect(await eventually { !held.withLock { $0.isEmpty } })
      let next = held.withLock { (held) -> (FakePeer, FrameHeader)? in held.isEmpty ? nil : held.removeFirst() }
      guard let (peer, header) = next else { break }
      answered += 1
      peer.send(.ingestRows(received: UInt64(answered)), to: header)
    }
    try await appending.value
    #expect(daemon.requestCount(.ingestCommit) == 1)
  }

  @Test("ends with the daemon's error, whichever call it reaches")
  func refusedRow() async throws {
    let daemon = Self.daemon { peer, header, rows in
      let reply: Reply =
        rows.ids == [3] ? .failure(VecError(.valueNotFinite, "row 3, component 0")) : .ingestRows(received: 1)
      peer.send(reply, to: header)
    }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path, options: Self.smallFrames)
    let session = try await client.ingest(collection: "c")
    let error = await failure {
      try await session.append(ids: (0..<9).map { UInt64($0) }, vectors: .init(repeating: 1, count: 36))
      _ = try await session.commit()
    }
    #expect(error == VecError(.valueNotFinite, "row 3, component 0"))
    #expect(await code { _ = try await session.commit() } == .ingestNotFound)
    #expect(daemon.requestCount(.ingestCommit) == 0)
  }

  @Test("of another dimension is refused before anything is sent, and goes on")
  func dimension() async throws {
    let daemon = Self.daemon { peer, header, _ in peer.send(.ingestRows(received: 1), to: header) }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let session = try await client.ingest(collection: "c")
    #expect(await code { try await session.append(ids: [1], vectors: [1, 2, 3]) } == .dimensionMismatch)
    #expect(daemon.requestCount(.ingestRows) == 0)
    try await session.append(ids: [1], vectors: [1, 2, 3, 4])
    _ = try await session.commit()
  }

  @Test("that is aborted, or let go, is aborted at the daemon, once")
  func abort() async throws {
    let daemon = Self.daemon { peer, header, _ in peer.send(.ingestRows(received: 1), to: header) }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let session = try await client.ingest(collection: "c")
    try await session.append(ids: [1], vectors: [1, 2, 3, 4])
    try await session.abort()
    try await session.abort()
    #expect(daemon.requestCount(.ingestAbort) == 1)
    #expect(await code { _ = try await session.commit() } == .ingestNotFound)
    _ = try await client.ingest(collection: "c")
    #expect(await eventually { daemon.requestCount(.ingestAbort) == 2 })
  }

  @Test("does not survive its connection, and is not sent again on another")
  func lostConnection() async throws {
    let daemon = Self.daemon { peer, _, _ in peer.end() }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    let session = try await client.ingest(collection: "c")
    let error = await failure {
      try await session.append(ids: [1], vectors: [1, 2, 3, 4])
      _ = try await session.commit()
    }
    #expect(error?.code == .connectionLost)
    try await session.abort()
    #expect(daemon.connectionCount == 1)
    #expect(daemon.requestCount(.ingestRows) == 1)
  }
}
