import Testing
import VecCore
import VecProtocol

@Suite("The frame decoder")
struct FrameDecoderTests {
  static let frames: [Frame] = [
    Frame(header: FrameHeader(bodyByteCount: 0, requestId: 1, kind: 4), body: []),
    Frame(
      header: FrameHeader(bodyByteCount: 5, requestId: .max, kind: 2, deadlineMilliseconds: 250),
      body: [1, 2, 3, 4, 5]),
    Frame(header: FrameHeader(bodyByteCount: 1, requestId: 7, kind: 0x800F, status: 3001), body: [9]),
    Frame(header: FrameHeader(bodyByteCount: 0, requestId: 8, kind: 17), body: []),
  ]

  static func bytes(_ frames: [Frame]) -> [UInt8] {
    var writer = ByteWriter()
    for frame in frames {
      frame.header.encode(into: &writer)
      writer.write(array: frame.body)
    }
    return writer.bytes
  }

  static func drain(_ decoder: inout FrameDecoder) throws(VecError) -> [Frame] {
    var out: [Frame] = []
    while let frame = try decoder.next() { out.append(frame) }
    return out
  }

  @Test("gives the same frames for every way to cut the bytes in three")
  func everySplit() throws {
    let bytes = Self.bytes(Self.frames)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        var decoder = FrameDecoder()
        var out: [Frame] = []
        for piece in [bytes[..<first], bytes[first..<second], bytes[second...]] {
          decoder.push(Array(piece))
          out += try Self.drain(&decoder)
        }
        #expect(out == Self.frames)
        #expect(!decoder.isMidFrame)
        #expect(decoder.bufferedByteCount == 0)
      }
    }
  }

  @Test("gives the same frames byte by byte and all at once")
  func byteByByte() throws {
    let bytes = Self.bytes(Self.frames)
    var slow = FrameDecoder()
    for byte in bytes { slow.push([byte]) }
    #expect(try Self.drain(&slow) == Self.frames)
    var fast = FrameDecoder()
    fast.push(bytes)
    #expect(try Self.drain(&fast) == Self.frames)
  }

  @Test("holds no more than it was given, whatever length is announced")
  func growth() throws {
    var decoder = FrameDecoder()
    var header = ByteWriter()
    FrameHeader(bodyByteCount: UInt32(Limits.frameBodyBytesMax), requestId: 1, kind: 7).encode(into: &header)
    decoder.push(header.bytes)
    #expect(try decoder.next() == nil)
    #expect(decoder.isMidFrame)
    decoder.push([UInt8](repeating: 1, count: 1000))
    #expect(decoder.bufferedByteCount == 1000)
    #expect(try decoder.next() == nil)
  }

  @Test("refuses a wrong magic at the fourth byte and stays refusing")
  func wrongMagic() {
    var decoder = FrameDecoder()
    decoder.push(Array("GET".utf8))
    #expect(code { _ = try decoder.next() } == nil)
    decoder.push(Array(" / HTTP/1.1".utf8))
    #expect(code { _ = try decoder.next() } == .malformedFrame)
    decoder.push(Self.bytes(Self.frames))
    #expect(code { _ = try decoder.next() } == .malformedFrame)
    #expect(decoder.bufferedByteCount == 0)
    #expect(decoder.failedRequestId == 0)
  }

  @Test("gives the frames before a bad one, then refuses")
  func goodThenBad() throws {
    var decoder = FrameDecoder(bodyLimit: 5)
    var tooLong = ByteWriter()
    FrameHeader(bodyByteCount: 6, requestId: 77, kind: 2).encode(into: &tooLong)
    decoder.push(Self.bytes(Self.frames) + tooLong.bytes + [1, 2, 3])
    for frame in Self.frames { #expect(try decoder.next() == frame) }
    #expect(code { _ = try decoder.next() } == .frameTooLong)
    #expect(decoder.failedRequestId == 77)
    #expect(decoder.bufferedByteCount == 0)
  }

  @Test("an unknown kind, a reply's kind and a status in a request are malformed, the frame itself is not")
  func kinds() throws {
    #expect(try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 15).requestKind() == .search)
    #expect(try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 0x800F).replyKind() == .search)
    #expect(code { _ = try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 9_999).requestKind() } == .malformedFrame)
    #expect(code { _ = try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 0x800F).requestKind() } == .malformedFrame)
    #expect(
      code { _ = try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 15, status: 1).requestKind() } == .malformedFrame
    )
    #expect(code { _ = try FrameHeader(bodyByteCount: 0, requestId: 1, kind: 15).replyKind() } == .malformedFrame)
  }

  @Test("an encoded frame announces the body it has", arguments: MessageKind.allCases)
  func wholeFrames(kind: MessageKind) throws {
    var source = MessageSource(seed: 6000 + UInt64(kind.rawValue))
    let request = source.request(kind)
    let reply = source.reply(kind)
    var decoder = FrameDecoder()
    decoder.push(request.encodeFrame(requestId: 3, deadlineMilliseconds: 4))
    decoder.push(reply.encodeFrame(requestId: 3, kind: kind))
    decoder.push(Reply.failure(VecError(.overloaded, "queue")).encodeFrame(requestId: 5, requestKind: 999))
    let frames = try Self.drain(&decoder)
    #expect(frames.count == 3)
    #expect(frames[0].header.deadlineMilliseconds == 4)
    #expect(try Request.decode(kind: frames[0].header.requestKind(), body: frames[0].body) == request)
    #expect(try Reply.decode(kind: frames[1].header.replyKind(), status: 0, body: frames[1].body) == reply)
    #expect(frames[2].header.status == 3001)
    #expect(frames[2].header.kind == 999 | 0x8000)
  }
}
