package import VecCore

/// The 24 bytes before every message.
package struct FrameHeader: Sendable, Equatable {
  package static let byteCount = 24
  /// Where the body length lies, for writers that know it last.
  static let bodyByteCountOffset = 4

  package var bodyByteCount: UInt32
  package var requestId: UInt64
  /// Of a request: a `MessageKind`. Of a reply: the same with `WireProtocol.replyBit` set.
  package var kind: UInt16
  /// 0, or the code of an error reply.
  package var status: UInt16
  /// Milliseconds that the client will wait; 0 is the daemon's default.
  package var deadlineMilliseconds: UInt32

  package init(
    bodyByteCount: UInt32, requestId: UInt64, kind: UInt16, status: UInt16 = 0, deadlineMilliseconds: UInt32 = 0
  ) {
    self.bodyByteCount = bodyByteCount
    self.requestId = requestId
    self.kind = kind
    self.status = status
    self.deadlineMilliseconds = deadlineMilliseconds
  }

  package func encode(into writer: inout ByteWriter) {
    writer.write(WireProtocol.magic)
    writer.write(bodyByteCount)
    writer.write(requestId)
    writer.write(kind)
    writer.write(status)
    writer.write(deadlineMilliseconds)
  }

  /// Reads a header from 24 bytes.
  ///
  /// The body length is not judged here: `FrameDecoder` does, since it knows the limit and needs the request id for it.
  /// - Throws: `malformed-frame` for fewer bytes or another magic.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(VecError) -> FrameHeader {
    var reader = ByteReader(bytes, code: .malformedFrame, context: "frame header")
    try checkMagic(try reader.read(UInt32.self))
    return FrameHeader(
      bodyByteCount: try reader.read(), requestId: try reader.read(), kind: try reader.read(),
      status: try reader.read(), deadlineMilliseconds: try reader.read())
  }

  static func checkMagic(_ magic: UInt32) throws(VecError) {
    guard magic == WireProtocol.magic else {
      throw VecError(
        .malformedFrame,
        "frame header: the first four bytes are 0x\(String(magic.bigEndian, radix: 16)), must be \"VECD\"; "
          + "is the other end a vecd client or daemon?")
    }
  }

  /// What this frame asks for, when it is a request.
  ///
  /// - Throws: `malformed-frame` for a kind that this version does not know, and for a status other than 0.
  ///   The connection stays usable: the frame itself is whole.
  package func requestKind() throws(VecError) -> MessageKind {
    guard let messageKind = MessageKind(rawValue: kind) else {
      throw VecError(.malformedFrame, "request kind \(kind) is unknown to protocol version \(WireProtocol.version)")
    }
    guard status == 0 else {
      throw VecError(.malformedFrame, "\(messageKind.name) request: status is \(status), must be 0 in requests")
    }
    return messageKind
  }

  /// What this frame answers, when it is a reply.
  ///
  /// - Throws: `malformed-frame` for a kind that is not that of a reply.
  package func replyKind() throws(VecError) -> MessageKind {
    guard kind & WireProtocol.replyBit != 0, let messageKind = MessageKind(rawValue: kind & ~WireProtocol.replyBit)
    else { throw VecError(.malformedFrame, "kind 0x\(String(kind, radix: 16)) is not that of a reply") }
    return messageKind
  }
}

/// One whole frame as it came from the other side: a header and as many body bytes as it announces.
package struct Frame: Sendable, Equatable {
  package var header: FrameHeader
  package var body: [UInt8]

  package init(header: FrameHeader, body: [UInt8]) {
    self.header = header
    self.body = body
  }
}

extension ByteWriter {
  /// Appends a frame whose body `encode` writes; the header's body length is filled in afterwards.
  mutating func writeFrame(_ header: FrameHeader, body encode: (inout ByteWriter) -> Void) {
    let start = bytes.count
    header.encode(into: &self)
    encode(&self)
    let length = bytes.count - start - FrameHeader.byteCount
    overwrite(UInt32(clamping: length), at: start + FrameHeader.bodyByteCountOffset)
  }
}
