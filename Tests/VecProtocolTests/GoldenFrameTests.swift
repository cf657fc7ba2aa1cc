import Foundation
import Testing
import VecCore
import VecProtocol

/// The frames of version 1 are frozen: what they are is what every client of version 1 sends and reads.
@Suite("A golden frame")
struct GoldenFrameTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Formats/golden/protocol/v1")

  @Test("is what the encoder writes, and decodes to its message and its JSON", arguments: GoldenSample.all.map(\.name))
  func golden(name: String) throws {
    let sample = try #require(GoldenSample.all.first { $0.name == name }).sample
    let frameFile = Self.folder.appendingPathComponent("\(name).bin")
    let textFile = Self.folder.appendingPathComponent("\(name).json")
    if ProcessInfo.processInfo.environment["VECD_WRITE_GOLDEN"] == "1" {
      try writeIfAbsent(Data(sample.frame), to: frameFile)
      try writeIfAbsent(Data((sample.text(header: try header(sample.frame)) + "\n").utf8), to: textFile)
    }
    let bytes = [UInt8](try Data(contentsOf: frameFile))
    #expect(sample.frame == bytes, "the encoder no longer writes version 1")

    var decoder = FrameDecoder()
    decoder.push(bytes)
    let frame = try #require(try decoder.next())
    let decoded: GoldenSample
    switch sample {
    case .request(let request, _):
      let read = try Request.decode(kind: frame.header.requestKind(), body: frame.body)
      #expect(read == request)
      decoded = .request(read, deadline: frame.header.deadlineMilliseconds)
    case .reply(let reply, _):
      let kind = try frame.header.replyKind()
      let read = try Reply.decode(kind: kind, status: frame.header.status, body: frame.body)
      #expect(read == reply)
      decoded = .reply(read, kind: kind)
    }
    #expect(
      decoded.text(header: frame.header) + "\n" == String(decoding: try Data(contentsOf: textFile), as: UTF8.self))
    _ = try JSONSerialization.jsonObject(with: Data(contentsOf: textFile))
  }

  @Test("exists for every kind, asked and answered, and none is without its sample")
  func complete() throws {
    for kind in MessageKind.allCases {
      #expect(
        GoldenSample.all.contains {
          if case .request(let request, _) = $0.sample { request.kind == kind } else { false }
        })
      #expect(
        GoldenSample.all.contains {
          if case .reply(let reply, let of) = $0.sample { of == kind && reply.status == 0 } else { false }
        })
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    let expected = GoldenSample.all.flatMap { ["\($0.name).bin", "\($0.name).json"] }
    #expect(Set(files) == Set(expected))
  }

  private func header(_ frame: [UInt8]) throws -> FrameHeader {
    try FrameHeader.decode(frame.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[..<24]) })
  }

  private func writeIfAbsent(_ data: Data, to file: URL) throws {
    guard !FileManager.default.fileExists(atPath: file.path) else { return }
    try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
    try data.write(to: file)
  }
}

extension GoldenSample {
  var frame: [UInt8] {
    switch self {
    case .request(let request, let deadline):
      request.encodeFrame(requestId: Self.requestId, deadlineMilliseconds: deadline)
    case .reply(let reply, let kind): reply.encodeFrame(requestId: Self.requestId, kind: kind)
    }
  }

  func text(header: FrameHeader) -> String {
    let (name, fields): (String, [(String, GoldenText)]) =
      switch self {
      case .request(let request, _): (request.kind.name, request.goldenFields)
      case .reply(let reply, let kind): (kind.name, reply.goldenFields)
      }
    return GoldenText.object([
      ("name", .string(name)), ("body_length", .int(header.bodyByteCount)), ("request_id", .int(header.requestId)),
      ("kind", .int(header.kind)), ("status", .int(header.status)), ("deadline", .int(header.deadlineMilliseconds)),
      ("fields", .object(fields)),
    ]).text()
  }
}
