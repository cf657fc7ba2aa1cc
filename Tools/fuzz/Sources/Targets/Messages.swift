import VecCore
import VecProtocol

extension FuzzTarget {
  /// Bytes of a connection, in pieces: the frame decoder, then the bodies of what it found, of both directions.
  static let frames = FuzzTarget(name: "frames", lengthMax: 512) { golden in
    let single = try golden.files("protocol/v1", endingIn: ".bin")
    let triples = stride(from: 0, to: single.count - 2, by: 3).map { Array(single[$0..<($0 + 3)].joined()) }
    // The first byte says how the stream is cut.
    return (single + triples).enumerated().map { (number, stream) -> [UInt8] in
      [UInt8(truncatingIfNeeded: number * 37)] + stream
    }
  } run: { input in
    var choices = Choices(input)
    let step = max(1, choices.byte())
    let stream = choices.rest
    var decoder = FrameDecoder(bodyLimit: 4096)
    var pushed = 0
    while !choices.rest.isEmpty {
      let piece = choices.take(step)
      decoder.push(piece)
      pushed += piece.count
      demand(decoder.bufferedByteCount <= pushed, "\(decoder.bufferedByteCount) bytes kept of \(pushed)")
    }
    var again = ByteWriter()
    let isWhole: Void? = accepted([.malformedFrame, .frameTooLong]) { () throws(VecError) in
      while let frame = try decoder.next() {
        demand(Int(frame.header.bodyByteCount) == frame.body.count, "a body of another length than announced")
        frame.header.encode(into: &again)
        again.write(array: frame.body)
        decodeBoth(frame)
      }
    }
    demand(stream.starts(with: again.bytes), "frames that were not in the stream")
    if isWhole != nil, !decoder.isMidFrame { demand(again.bytes.count == stream.count, "bytes were lost") }
  }

  private static func decodeBoth(_ frame: Frame) {
    frame.body.withUnsafeBytes { body in
      if let kind = accepted([.malformedFrame], { () throws(VecError) in try frame.header.requestKind() }) {
        decodeRequest(kind, body)
      }
      if let kind = accepted([.malformedFrame], { () throws(VecError) in try frame.header.replyKind() }) {
        decodeReply(kind, frame.header.status, body)
      }
    }
  }

  /// A kind and the body of a request of that kind.
  static let requests = FuzzTarget(name: "requests", lengthMax: 512) { golden in
    try golden.files("protocol/v1", endingIn: "-request.bin").map { frame in
      [frame[16]] + frame.dropFirst(FrameHeader.byteCount)
    }
  } run: { input in
    var choices = Choices(input)
    guard let kind = MessageKind(rawValue: UInt16(choices.byte())) else { return }
    decodeRequest(kind, choices.rest)
  }

  private static func decodeRequest(_ kind: MessageKind, _ body: UnsafeRawBufferPointer) {
    // An option of a search that is not known is a wish that must not be dropped.
    let codes: Set<VecErrorCode> = [.malformedFrame, .invalidArgument, .limitExceeded, .notAvailable]
    guard let request = accepted(codes, { () throws(VecError) in try Request.decode(kind: kind, body: body) }) else { return }
    demand(request.kind == kind, "a request of another kind")
    var again = ByteWriter()
    request.encode(into: &again)
    demand(again.bytes.elementsEqual(body), "a request that is not written as it was read")
    guard kind == .ingestRows else { return }
    // The daemon reads this one in place.
    let view = accepted([]) { () throws(VecError) in try IngestRowsView.decode(body) }
    guard let view, view.count > 0 else { return }
    _ = view.id(at: view.count - 1)
    demand(view.vector(at: view.count - 1).count == view.rowByteCount, "the last row is not whole")
  }

  /// A kind, a status and the body of a reply of that kind.
  static let replies = FuzzTarget(name: "replies", lengthMax: 512) { golden in
    try golden.files("protocol/v1", endingIn: "-reply.bin").map { frame in
      [frame[16], frame[18], frame[19]] + frame.dropFirst(FrameHeader.byteCount)
    }
  } run: { input in
    var choices = Choices(input)
    guard let kind = MessageKind(rawValue: UInt16(choices.byte())) else { return }
    decodeReply(kind, UInt16(choices.word()), choices.rest)
  }

  private static func decodeReply(_ kind: MessageKind, _ status: UInt16, _ body: UnsafeRawBufferPointer) {
    let decoded = accepted([.malformedFrame]) { () throws(VecError) in
      try Reply.decode(kind: kind, status: status, body: body)
    }
    guard let reply = decoded else { return }
    // A newer daemon's error is told by its class, so it is not written as it came.
    guard status == 0 || VecErrorCode(rawValue: status) != nil else { return }
    demand(reply.status == status, "a reply of another status")
    var again = ByteWriter()
    reply.encode(into: &again)
    // What a newer daemon tells of a collection besides is left out, and so is a setting that is the default.
    let isWhole =
      kind == .describe && status == 0
      ? (try? Reply.decode(kind: kind, status: 0, body: again.bytes)) == reply : again.bytes.elementsEqual(body)
    demand(isWhole, "a reply that is not written as it was read")
  }
}
