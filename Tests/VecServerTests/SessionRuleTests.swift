import NIOCore
import Testing
import VecCore
import VecProtocol
import VecServer

private func header(_ id: UInt64, _ kind: UInt16, bytes: UInt32 = 0, status: UInt16 = 0) -> FrameHeader {
  FrameHeader(bodyByteCount: bytes, requestId: id, kind: kind, status: status)
}

private func code(_ verdict: SessionState.Verdict) -> VecErrorCode? {
  if case .refuse(let error) = verdict { error.code } else { nil }
}

@Suite("What a session may do")
struct SessionStateTests {
  @Test("nothing but hello is accepted before hello, and hello once only")
  func greeting() {
    var state = SessionState()
    for kind in MessageKind.allCases where kind != .hello {
      #expect(code(state.receive(header(1, kind.rawValue), isStopping: false)) == .malformedFrame)
    }
    #expect(state.receive(header(1, 1), isStopping: false) == .hello)
    #expect(state.receive(header(1, 1), isStopping: false) == .hello, "a failed hello may be tried again")
    state.greet()
    #expect(code(state.receive(header(1, 1), isStopping: false)) == .malformedFrame)
    #expect(state.receive(header(1, 2), isStopping: false) == .ping)
    #expect(state.receive(header(1, 15), isStopping: false) == .accept(.search))
  }

  @Test("unknown kinds, reply kinds and a status are refused and leave nothing in flight")
  func badHeaders() {
    var state = SessionState()
    state.greet()
    for bad in [header(1, 0), header(1, 999), header(1, 0x800F), header(1, 15, status: 1001)] {
      #expect(code(state.receive(bad, isStopping: false)) == .malformedFrame)
    }
    #expect(state.inFlightCount == 0)
  }

  @Test("a request id is refused while it is in flight and free again after its reply")
  func ids() {
    var state = SessionState()
    state.greet()
    #expect(state.receive(header(9, 15, bytes: 100), isStopping: false) == .accept(.search))
    #expect(code(state.receive(header(9, 15), isStopping: false)) == .malformedFrame)
    #expect(code(state.receive(header(9, 2), isStopping: false)) == .malformedFrame)
    #expect(state.heldByteCount == 100)
    state.finish(9)
    state.finish(9)
    #expect(state.heldByteCount == 0)
    #expect(state.receive(header(9, 15), isStopping: false) == .accept(.search))
  }

  @Test("no frame is taken beyond 256 in flight or the byte limit")
  func limits() {
    var state = SessionState(inFlightMax: 256, heldByteMax: 1000)
    state.greet()
    for id in 0..<256 { #expect(state.receive(header(UInt64(id), 15), isStopping: false) == .accept(.search)) }
    #expect(!state.mayTakeFrame)
    state.finish(3)
    #expect(state.mayTakeFrame)
    _ = state.receive(header(1000, 15, bytes: 1000), isStopping: false)
    state.finish(4)
    #expect(!state.mayTakeFrame, "the bytes are used up")
    state.finish(1000)
    #expect(state.mayTakeFrame)
    state.end()
    #expect(!state.mayTakeFrame)
  }

  @Test("while stopping, requests are refused and pings answered")
  func stopping() {
    var state = SessionState()
    state.greet()
    #expect(code(state.receive(header(1, 15), isStopping: true)) == .shuttingDown)
    #expect(state.receive(header(2, 2), isStopping: true) == .ping)
    #expect(state.inFlightCount == 0)
  }
}

@Suite("The clocks of a session")
struct SessionWatchTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  private func later(_ seconds: Double) -> NIODeadline { start + .milliseconds(Int64(seconds * 1000)) }

  @Test("a client that does not greet is closed after ten seconds")
  func hello() {
    var watch = SessionWatch(now: start, writeTimeout: .seconds(30))
    #expect(watch.check(now: later(9.9), isGreeted: false, bufferedByteCount: nil) == nil)
    #expect(watch.check(now: later(10), isGreeted: false, bufferedByteCount: nil) == "no hello")
    #expect(watch.check(now: later(1e6), isGreeted: true, bufferedByteCount: nil) == nil, "an idle client may stay")
  }

  @Test("a client that takes even a byte at a time stays; one that takes none is closed")
  func writes() {
    var watch = SessionWatch(now: start, writeTimeout: .seconds(5))
    watch.willWrite(1000, isFirst: true, now: later(100))
    #expect(watch.check(now: later(101), isGreeted: true, bufferedByteCount: 1000) == nil)
    #expect(watch.check(now: later(104), isGreeted: true, bufferedByteCount: 999) == nil)
    #expect(watch.check(now: later(108.9), isGreeted: true, bufferedByteCount: 999) == nil)
    #expect(watch.check(now: later(109), isGreeted: true, bufferedByteCount: 999) == "replies not taken")
  }

  @Test("further replies do not prolong the time of a client that takes none")
  func moreWrites() {
    var watch = SessionWatch(now: start, writeTimeout: .seconds(5))
    watch.willWrite(1000, isFirst: true, now: later(0))
    for second in 1..<5 {
      watch.willWrite(1000, isFirst: false, now: later(Double(second)))
      #expect(
        watch.check(now: later(Double(second)), isGreeted: true, bufferedByteCount: 1000 * (second + 1)) == nil)
    }
    #expect(watch.check(now: later(5), isGreeted: true, bufferedByteCount: 5000) == "replies not taken")
  }

  @Test("a frame must come at a mebibyte a second once it has begun; waiting for the daemon does not count")
  func frames() {
    var watch = SessionWatch(now: start, writeTimeout: .seconds(5))
    watch.frameIsPending(true, byteCount: 10 << 20, now: later(0))
    watch.frameIsPending(true, byteCount: 1, now: later(14))
    #expect(watch.check(now: later(14.9), isGreeted: true, bufferedByteCount: nil) == nil)
    #expect(watch.check(now: later(15), isGreeted: true, bufferedByteCount: nil) == "frame not finished")
    watch.frameIsPending(false, byteCount: 0, now: later(15))
    #expect(watch.check(now: later(99), isGreeted: true, bufferedByteCount: nil) == nil)
  }
}
