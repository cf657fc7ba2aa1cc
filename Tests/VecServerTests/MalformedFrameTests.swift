import Glibc
import Synchronization
import Testing
import VecCore
import VecProtocol
import VecServer
import VecTestSupport

private typealias Failure = RawClient.Failure

@Suite("Hostile bytes on a live daemon", .serialized)
struct MalformedFrameTests {
  @Test(
    "200,000 malformed frames harm nobody: each is answered or its connection closed, and a healthy client sees no error",
    arguments: [Seed(20_261_124)])
  func flood(seed: Seed) async throws {
    try await withDaemon { daemon in
      let isOver = Atomic<Bool>(false)
      try await blocking { try SampleRows.publish("healthy", count: 1000, through: try daemon.client()) }
      async let served = blocking { try serveHealthy(daemon, until: { isOver.load(ordering: .relaxed) }) }
      let generator = seed.generator
      do {
        let counts = try await blocking { try sendFlood(daemon, generator, frames: 200_000) }
        #expect(counts.answered + counts.closed == 200_000)
        #expect(counts.closed > 100)
      } catch {
        isOver.store(true, ordering: .relaxed)
        throw error
      }
      isOver.store(true, ordering: .relaxed)
      #expect(try await served > 100)
    }
  }

  /// Searches, each compared with the first answer; the count of those.
  private func serveHealthy(_ daemon: TestDaemon, until isOver: () -> Bool) throws -> Int {
    let client = try daemon.client()
    let first = try client.must(SampleRows.search("healthy"))
    var count = 0
    while !isOver() {
      let reply = try client.must(SampleRows.search("healthy"))
      #expect(reply == first)
      count += 1
    }
    return count
  }

  private func sendFlood(
    _ daemon: TestDaemon, _ generator: SplitMix64, frames: Int
  ) throws -> (answered: Int, closed: Int) {
    var generator = generator
    var client = try daemon.client()
    var answered = 0
    var closed = 0
    while answered + closed < frames {
      let batch = min(100, frames - answered - closed - 1)
      var bytes: [UInt8] = []
      for id in 0..<max(0, batch) { bytes += mutatedFrame(id: UInt64(id), &generator) }
      client.send(bytes)
      answered += try client.receive(count: max(0, batch)).count
      // Every so often bytes that are no frame at all: answered once at most, then the daemon closes.
      guard generator.next() % 4 == 0 || batch <= 0 else { continue }
      client.send(brokenHeader(&generator))
      while let answer = try client.receive() { #expect(answer.code == .malformedFrame || answer.code == .frameTooLong) }
      closed += 1
      client = try daemon.client()
    }
    return (answered, closed)
  }

  /// A frame whose header is right and whose body is a request with some bytes changed, cut or added.
  private func mutatedFrame(id: UInt64, _ generator: inout SplitMix64) -> [UInt8] {
    let template = Self.templates[Int(generator.next() % UInt64(Self.templates.count))]
    var body = Array(template.encodeFrame(requestId: id)[FrameHeader.byteCount...])
    for _ in 0..<(1 + generator.next() % 4) {
      let at = Int(generator.next() % UInt64(max(1, body.count)))
      switch generator.next() % 4 {
      case 0: if at < body.count { body.removeSubrange(at...) }
      case 1: body.append(UInt8(truncatingIfNeeded: generator.next()))
      default: if at < body.count { body[at] = UInt8(truncatingIfNeeded: generator.next()) }
      }
    }
    let kind = generator.next() % 8 == 0 ? UInt16(truncatingIfNeeded: generator.next()) : template.kind.rawValue
    var writer = ByteWriter()
    FrameHeader(
      bodyByteCount: UInt32(body.count), requestId: id, kind: kind,
      status: generator.next() % 50 == 0 ? 1 : 0, deadlineMilliseconds: UInt32(generator.next() % 2 * 1000)
    ).encode(into: &writer)
    return writer.bytes + body
  }

  /// 24 bytes or more that are no header: wrong magic, or a length above the limit.
  private func brokenHeader(_ generator: inout SplitMix64) -> [UInt8] {
    var bytes = (0..<(24 + Int(generator.next() % 100))).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    if generator.next() % 2 == 0 {
      bytes.replaceSubrange(0..<8, with: Array("VECD".utf8) + [0, 0, 0, 0x10])
    } else {
      bytes[0] = 0
    }
    return bytes
  }

  /// Every kind that costs no disk write when it happens to stay valid.
  private static let templates: [Request] = [
    .hello(HelloRequest(clientName: "fuzz")), .ping([1, 2, 3]), .list,
    .drop(DropRequest(collection: "fuzz", generation: "g")),
    .ingestBegin(IngestBeginRequest(collection: "fuzz", generation: "g")),
    .ingestRows(IngestRows(ingest: 1, dimension: 4, ids: [1, 2], elements: .f32([1, 2, 3, 4, 5, 6, 7, 8]))),
    .ingestCommit(ingest: 1), .ingestAbort(ingest: 1),
    .buildIndex(BuildIndexRequest(collection: "fuzz", index: .flat, wait: true)),
    .publish(PublishRequest(collection: "fuzz", generation: "g", expected: .label("h"))),
    .rollback(collection: "fuzz"), .generations(GenerationsRequest(collection: "fuzz")),
    .search(SearchRequest(collection: "fuzz", k: 10, dimension: 4, vectors: [1, 2, 3, 4])),
    .search(SearchRequest(collection: "healthy", k: 10, dimension: 32, vectors: .init(repeating: 1, count: 32))),
    .get(GetRequest(collection: "fuzz", ids: [1, 2, 3])),
  ]
}
