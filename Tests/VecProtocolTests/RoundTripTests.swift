import Testing
import VecCore
import VecProtocol

@Suite("Every message")
struct RoundTripTests {
  @Test("a request decodes to what was encoded", arguments: MessageKind.allCases)
  func requestRoundTrip(kind: MessageKind) throws {
    var source = MessageSource(seed: 1000 + UInt64(kind.rawValue))
    for _ in 0..<200 {
      let request = source.request(kind)
      #expect(request.kind == kind)
      #expect(try Request.decode(kind: kind, body: body(request)) == request)
    }
  }

  @Test("a reply decodes to what was encoded", arguments: MessageKind.allCases)
  func replyRoundTrip(kind: MessageKind) throws {
    var source = MessageSource(seed: 2000 + UInt64(kind.rawValue))
    for _ in 0..<200 {
      let reply = source.reply(kind)
      #expect(try Reply.decode(kind: kind, status: reply.status, body: body(reply)) == reply)
      let failure = source.failure()
      #expect(failure.status != 0)
      #expect(try Reply.decode(kind: kind, status: failure.status, body: body(failure)) == failure)
    }
  }

  /// Requests that may end with options.
  private static let optioned: Set<MessageKind> = [
    .create, .ingestBegin, .ingestRows, .publish, .generations, .search, .get, .upsert, .configure,
  ]

  @Test("a request cut short at any byte, or longer by one, is malformed", arguments: MessageKind.allCases)
  func truncatedRequest(kind: MessageKind) {
    var source = MessageSource(seed: 3000 + UInt64(kind.rawValue))
    for _ in 0..<20 {
      let request = source.request(kind)
      let whole = body(request)
      if kind != .ping {
        for length in 0..<whole.count {
          let cut = Array(whole[..<length])
          let found = code { _ = try Request.decode(kind: kind, body: cut) }
          // Options may be left out: some cuts are the same request without its last ones.
          var isSound = found == nil && Self.optioned.contains(kind) && (try? body(Request.decode(kind: kind, body: cut))) == cut
          // Without any option there is nothing to configure.
          if case .configure(let configure) = request, found == .invalidArgument {
            isSound = cut.count == 2 + configure.collection.utf8.count
          }
          #expect(found == .malformedFrame || isSound, "\(length) of \(whole.count) bytes")
        }
        #expect(code { _ = try Request.decode(kind: kind, body: whole + [0]) } == .malformedFrame)
      }
    }
  }

  @Test("a reply cut short at any byte, or longer by one, is malformed", arguments: MessageKind.allCases)
  func truncatedReply(kind: MessageKind) {
    var source = MessageSource(seed: 4000 + UInt64(kind.rawValue))
    for round in 0..<20 {
      let reply = round % 2 == 0 ? source.reply(kind) : source.failure()
      if case .ping = reply { continue }
      let whole = body(reply)
      for length in 0..<whole.count {
        let cut = Array(whole[..<length])
        let found = code { _ = try Reply.decode(kind: kind, status: reply.status, body: cut) }
        // Fields, models, a report and settings come last, and only where there are some.
        let isSound =
          found == nil && [.search, .get, .publish, .generations, .describe].contains(kind) && reply.status == 0
          && (try? body(Reply.decode(kind: kind, status: 0, body: cut))) == cut
        #expect(found == .malformedFrame || isSound, "\(length) of \(whole.count) bytes")
      }
      #expect(code { _ = try Reply.decode(kind: kind, status: reply.status, body: whole + [0]) } == .malformedFrame)
    }
  }

  @Test("captured queries of a dimension that is none are malformed, and no value of the caller's")
  func capturedDimension() {
    for dimension in [0, 4_097] as [UInt32] {
      var writer = ByteWriter()
      writer.write(dimension)
      writer.write(0 as UInt32)
      #expect(code { _ = try Reply.decode(kind: .capturedQueries, status: 0, body: writer.bytes) } == .malformedFrame)
    }
  }

  @Test("the view of ingest rows reads in place what the owned form holds, at any alignment", arguments: [UInt64(5)])
  func ingestView(seed: UInt64) throws {
    var source = MessageSource(seed: seed)
    for shift in 0..<100 {
      let rows = source.rows()
      var writer = ByteWriter()
      rows.encode(into: &writer)
      let padded = [UInt8](repeating: 7, count: shift % 16) + writer.bytes
      try padded.withUnsafeBytes { bytes in
        let view = try IngestRowsView.decode(UnsafeRawBufferPointer(rebasing: bytes[(shift % 16)...]))
        #expect(try IngestRows(view) == rows)
        #expect(view.count == rows.ids.count)
        for row in 0..<view.count {
          #expect(view.id(at: row) == rows.ids[row])
          #expect(view.vector(at: row).count == view.rowByteCount)
        }
        #expect(view.encodeFrame(requestId: 9) == Request.ingestRows(rows).encodeFrame(requestId: 9))
      }
    }
  }

  @Test("the records of ingest rows come in parts that make the whole, whatever their size; a bad one is malformed")
  func ingestParts() throws {
    var source = MessageSource(seed: 6)
    for round in 0..<200 {
      let rows = source.rows()
      var writer = ByteWriter()
      rows.encode(into: &writer)
      try writer.bytes.withUnsafeBytes { bytes in
        let view = try IngestRowsView.decode(bytes)
        var (ids, records): ([UInt64], [AttributeRecord]) = ([], [])
        var parts = 0
        try view.forEachPart(recordBytes: round % 60 + 1) { (part, own) throws(VecError) in
          parts += 1
          ids += part.copyIds()
          records += own
          #expect(own.isEmpty || own.count == part.count)
        }
        #expect(ids == rows.ids && records == rows.records)
        if round % 60 == 0 { #expect(parts == (rows.records.isEmpty ? 1 : rows.ids.count)) }
        guard !rows.records.isEmpty else { return }
        for cut in [view.records.count - 1, view.records.count - 5] where cut > 0 {
          var bad = view
          bad.records = UnsafeRawBufferPointer(rebasing: view.records[..<cut])
          #expect(throws: VecError.self) { try bad.forEachPart { (_, _) in } }
        }
      }
    }
  }

  @Test("a code of a newer daemon keeps its class and its number")
  func unknownCodes() {
    let classes: [(UInt16, VecErrorCode)] = [
      (1999, .invalidArgument), (2999, .generationState), (3999, .overloaded), (4999, .unsupportedFormat),
      (5999, .ioError), (7001, .internalDefect), (9999, .internalDefect), (1, .internalDefect),
    ]
    for (status, expected) in classes {
      let error = VecError(status: status, message: "why")
      #expect(error.code == expected)
      #expect(error.message.contains("\(status)") && error.message.contains("why"))
    }
    #expect(VecError(status: 3999, message: "").code.isRetryable)
  }

  @Test("decoding a search of one 64-dimensional vector takes less than two microseconds")
  func searchDecodeTime() throws {
    let request = Request.search(
      SearchRequest(
        collection: "videos", generation: "2026-11-02", k: 200, dimension: 64, vectors: .init(repeating: 0.5, count: 64)
      ))
    let bytes = body(request)
    let clock = ContinuousClock()
    var best = Duration.seconds(1)
    // The best of many short batches: a busy machine must not fail the test.
    for _ in 0..<200 {
      let elapsed = try clock.measure {
        for _ in 0..<100 { _ = try Request.decode(kind: .search, body: bytes) }
      }
      best = min(best, elapsed / 100)
    }
    #expect(best < .microseconds(2), "best of 200 batches: \(best)")
  }
}

func body(_ request: Request) -> [UInt8] {
  var writer = ByteWriter()
  request.encode(into: &writer)
  return writer.bytes
}

func body(_ reply: Reply) -> [UInt8] {
  var writer = ByteWriter()
  reply.encode(into: &writer)
  return writer.bytes
}

/// The code of what `body` throws; nil when it throws nothing. Every error of a decoder is a `VecError`.
func code(_ body: () throws -> Void) -> VecErrorCode? {
  do {
    try body()
    return nil
  } catch { return (error as? VecError)?.code ?? .internalDefect }
}
