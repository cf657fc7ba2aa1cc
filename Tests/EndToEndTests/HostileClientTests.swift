import Foundation
import Testing
import VecCore
import VecProtocol

/// Clients of the real daemon that send what they should not, or read nothing: they are told why in one line and
/// closed, and everybody else is served as before.
@Suite("Hostile clients of the real daemon")
struct HostileClientTests {
  struct Garbage: Sendable, CustomStringConvertible {
    var description: String
    var bytes: [UInt8]
    var greets = false
    var code: VecErrorCode
    /// What the answer must say.
    var words: [String]
  }

  /// A header alone, whose body is never sent.
  static func header(kind: MessageKind, bodyByteCount: UInt32, requestId: UInt64 = 7) -> [UInt8] {
    var writer = ByteWriter()
    FrameHeader(bodyByteCount: bodyByteCount, requestId: requestId, kind: kind.rawValue).encode(into: &writer)
    return writer.bytes
  }

  static let garbage = [
    Garbage(
      description: "another protocol", bytes: Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
      code: .malformedFrame, words: ["VECD", "client"]),
    Garbage(
      description: "zeros", bytes: [UInt8](repeating: 0, count: 5000), code: .malformedFrame, words: ["VECD"]),
    Garbage(
      description: "garbage after hello", bytes: Array("hello again, this is no frame".utf8), greets: true,
      code: .malformedFrame, words: ["VECD"]),
    Garbage(
      description: "a frame one byte beyond the limit",
      bytes: header(kind: .search, bodyByteCount: UInt32(Limits.frameBodyBytesMax + 1)), greets: true,
      code: .frameTooLong, words: ["67108865", "67108864", "smaller"]),
    Garbage(
      description: "a frame of 4 GiB", bytes: header(kind: .ingestRows, bodyByteCount: .max), greets: true,
      code: .frameTooLong, words: ["4294967295", "67108864"]),
    Garbage(
      description: "a frame of 4 GiB before hello", bytes: header(kind: .hello, bodyByteCount: .max),
      code: .frameTooLong, words: ["67108864"]),
  ]

  @Test("bytes that are no frame are answered with what a frame is, then closed; the others notice nothing")
  func noFrames() throws {
    let daemon = try DaemonFixture.filled()
    let neighbour = try WireClient(daemon)
    for bad in Self.garbage {
      let client = try WireClient(daemon, greets: bad.greets)
      #expect(client.send(bad.bytes) == bad.bytes.count, "\(bad)")
      let (_, error) = try client.receiveError()
      #expect(error.code == bad.code, "\(bad): \(error)")
      #expect(!error.message.contains("\n"), "\(bad): \(error)")
      for word in bad.words { #expect(error.message.contains(word), "\(bad): \(error)") }
      #expect(try client.receive() == nil, "\(bad): still open")
      #expect(try daemon.vecctl("ping").status == 0, "\(bad)")
    }
    neighbour.send(Request.ping([1, 2]).encodeFrame(requestId: 3))
    #expect(try neighbour.receive()?.reply == .ping([1, 2]))
    #expect(try daemon.json("stats")["malformed_frames"] as? Int ?? 0 >= Self.garbage.count)
    try daemon.expectUntouched()
    #expect(try daemon.stop().status == 0)
  }

  @Test("whole frames that say nonsense are answered by their number, and the connection stays")
  func nonsense() throws {
    let daemon = try DaemonFixture.filled()
    let client = try WireClient(daemon)
    var search = Request.search(SearchRequest(collection: "items", k: 1, dimension: 4, vectors: [1, 2, 3, 4]))
      .encodeFrame(requestId: 11)
    search.removeLast(3)
    search[4] -= 3  // the header's body length, so that the frame is whole and its message is not
    let unknown = Self.header(kind: .ping, bodyByteCount: 0, requestId: 12).enumerated().map { $0 == 16 ? 99 : $1 }
    let late = Request.hello(HelloRequest(clientName: "again")).encodeFrame(requestId: 13)
    for (requestId, frame) in [(UInt64(11), search), (12, unknown), (13, late)] {
      client.send(frame)
      let (answered, error) = try client.receiveError()
      #expect(answered == requestId && error.code == .malformedFrame, "\(requestId): \(error)")
    }
    client.send(Request.ping([9]).encodeFrame(requestId: 14))
    #expect(try client.receive()?.reply == .ping([9]))
    let old = try WireClient(daemon, greets: false)
    let hello = HelloRequest(leastVersion: 2, greatestVersion: 9, clientName: "newer")
    old.send(Request.hello(hello).encodeFrame(requestId: 1))
    let (_, error) = try old.receiveError()
    #expect(error.code == .unsupportedVersion && error.message.contains("2 to 9"), "\(error)")
    try daemon.expectUntouched()
  }

  @Test("an ingest whose client goes away in the middle of a frame leaves nothing")
  func halfFrame() throws {
    let daemon = try DaemonFixture.filled()
    let client = try WireClient(daemon)
    let begin = IngestBeginRequest(collection: "items", generation: "half")
    client.send(Request.ingestBegin(begin).encodeFrame(requestId: 1))
    guard case .ingestBegin(let begun) = try client.receive()?.reply else {
      Issue.record("no ingest")
      return
    }
    let rows = IngestRows(ingest: begun.ingest, dimension: 4, ids: [1, 2], elements: .f32([1, 2, 3, 4, 5, 6, 7, 8]))
    let frame = Request.ingestRows(rows).encodeFrame(requestId: 2)
    client.send(frame)
    #expect(try client.receive()?.reply == .ingestRows(received: 2))
    client.send(Array(frame.dropLast(9)))
    client.close()
    #expect(try eventually { (try daemon.json("stats")["connections"] as? [String: Any])?["open"] as? Int == 1 })
    try daemon.expectUntouched()
  }

  @Test("a client that stops reading is closed after --write-timeout; until then and afterwards others are served")
  func stopsReading() throws {
    let daemon = try DaemonFixture(options: ["--write-timeout", "1"])
    let stuck = try WireClient(daemon)
    stuck.setTimeout(SO_SNDTIMEO, milliseconds: 50)
    let echo = Request.ping([UInt8](repeating: 7, count: Limits.pingBytesMax)).encodeFrame(requestId: 1)
    var taken = 0
    while taken < 500, stuck.send(echo) == echo.count { taken += 1 }
    #expect(taken < 200, "replies that nobody takes are not buffered without end")
    #expect(try daemon.vecctl("ping").status == 0)
    // The connections that remain are those of the vecctl that asks.
    let isClosed = try eventually { (try daemon.json("stats")["connections"] as? [String: Any])?["open"] as? Int == 1 }
    #expect(isClosed)
    #expect(try daemon.vecctl("ping").status == 0)
    #expect(try daemon.stop().status == 0)
  }
}
