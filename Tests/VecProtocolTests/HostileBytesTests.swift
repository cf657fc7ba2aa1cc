import Glibc
import Testing
import VecCore
import VecProtocol

@Suite("Bytes that nobody vouches for")
struct HostileBytesTests {
  /// Form errors, value errors of requests, and options of a newer client: nothing else may come out of a decoder.
  static let allowed: Set<VecErrorCode> = [.malformedFrame, .invalidArgument, .limitExceeded, .notAvailable]

  @Test("a million random messages are refused or read, none traps, and memory stays", arguments: [UInt64(11)])
  func randomMessages(seed: UInt64) {
    var source = MessageSource(seed: seed)
    let before = peakBytes()
    var unexpected = 0
    for round in 0..<500_000 {
      let bytes = randomBytes(&source, round)
      let kind = MessageKind.allCases[round % MessageKind.allCases.count]
      unexpected += outcome { _ = try Request.decode(kind: kind, body: bytes) }
      let status: UInt16 = round % 7 == 0 ? source.number() : 0
      unexpected += outcome { _ = try Reply.decode(kind: kind, status: status, body: bytes) }
    }
    #expect(unexpected == 0)
    #expect(peakBytes() - before < 256 << 20)
  }

  @Test("valid messages with damaged bytes are refused or read, none traps", arguments: [UInt64(12)])
  func damagedMessages(seed: UInt64) {
    var source = MessageSource(seed: seed)
    var unexpected = 0
    for round in 0..<200_000 {
      let kind = MessageKind.allCases[round % MessageKind.allCases.count]
      let request = damaged(body(source.request(kind)), &source)
      unexpected += outcome { _ = try Request.decode(kind: kind, body: request) }
      let reply = damaged(body(source.reply(kind)), &source)
      unexpected += outcome { _ = try Reply.decode(kind: kind, status: 0, body: reply) }
    }
    #expect(unexpected == 0)
  }

  @Test("a million random pushes leave the frame decoder within what it was given", arguments: [UInt64(13)])
  func randomFrames(seed: UInt64) {
    var source = MessageSource(seed: seed)
    var decoder = FrameDecoder(bodyLimit: 4096)
    var pushed = 0
    var frameCount = 0
    var overrun = 0
    for round in 0..<1_000_000 {
      // Half of the streams begin with the magic and a short length, so that bodies are reached too.
      var bytes = (0..<Int(source.random.next() & 31)).map { _ in source.number() as UInt8 }
      if pushed == 0, round % 2 == 0 {
        bytes = [0x56, 0x45, 0x43, 0x44, source.number(), UInt8(source.random.next() & 31), 0, 0] + bytes
      }
      decoder.push(bytes)
      pushed += bytes.count
      overrun += decoder.bufferedByteCount > pushed ? 1 : 0
      do throws(VecError) {
        while try decoder.next() != nil { frameCount += 1 }
      } catch {
        overrun += [.malformedFrame, .frameTooLong].contains(error.code) && decoder.bufferedByteCount == 0 ? 0 : 1
        decoder = FrameDecoder(bodyLimit: 4096)
        pushed = 0
      }
    }
    #expect(overrun == 0)
    #expect(frameCount > 100, "the test must reach whole frames: \(frameCount)")
  }

  /// Random bytes with small numbers and zeros among them: lengths that are plausible get further.
  private func randomBytes(_ source: inout MessageSource, _ round: Int) -> [UInt8] {
    let mask: UInt64 = round % 3 == 0 ? 0xFF : round % 3 == 1 ? 0x03 : 0x00
    return (0..<Int(source.random.next() & 127)).map { _ in
      let next = source.random.next()
      return UInt8(truncatingIfNeeded: next >> 32 & 7 == 0 ? next : next & mask)
    }
  }

  private func damaged(_ bytes: [UInt8], _ source: inout MessageSource) -> [UInt8] {
    guard !bytes.isEmpty else { return [source.number()] }
    var out = bytes
    for _ in 0..<Int.random(in: 1...4, using: &source.random) {
      let position = Int.random(in: out.indices, using: &source.random)
      let next = source.random.next()
      out[position] = next & 3 == 0 ? 0xFF : UInt8(truncatingIfNeeded: next >> 8)
    }
    return out
  }

  /// 1 when something other than a decoder's own errors is thrown.
  private func outcome(_ decode: () throws -> Void) -> Int {
    guard let thrown = code(decode) else { return 0 }
    return Self.allowed.contains(thrown) ? 0 : 1
  }

  private func peakBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024
  }
}
