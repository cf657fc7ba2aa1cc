import Glibc
import Testing
import VecCore
import VecProtocol
import VecServer

@Suite("Searches that an event loop answers itself")
struct DirectSearchTests {
  @Test("a connection counts as the only one that searches after some searches in a row, until another one searches")
  func sole() {
    let searches = DirectSearches()
    for _ in 1..<DirectSearches.soleAfter { #expect(!searches.isSole(7)) }
    for _ in 0..<1_000 { #expect(searches.isSole(7)) }
    #expect(!searches.isSole(8))
    for _ in 1..<DirectSearches.soleAfter { #expect(!searches.isSole(7)) }
    #expect(searches.isSole(7))
    for number in [UInt64(1), 2, 1, 2, 1, 2] {
      for _ in 0..<3 { #expect(!searches.isSole(number)) }
    }
  }

  private func body(_ request: Request) -> [UInt8] {
    Array(request.encodeFrame(requestId: 1, deadlineMilliseconds: 0).dropFirst(FrameHeader.byteCount))
  }

  @Test("one long search is remembered for a while, and forgotten when short ones follow")
  func recent() {
    let recent = RecentSearches()
    let (one, another) = (body(SampleRows.search("items", seed: 1)), body(SampleRows.search("items", seed: 2)))
    #expect(recent.expected(one) == nil)
    recent.add(one, nanoseconds: 8_000_000)
    #expect(recent.expected(another) == 8_000_000)
    recent.add(another, nanoseconds: 50_000)
    #expect(recent.expected(one) == 7_000_000)
    for _ in 0..<100 { recent.add(one, nanoseconds: 50_000) }
    #expect(recent.expected(one) == 50_000)
    recent.add(one, nanoseconds: 70_000)
    #expect(recent.expected(one) == 70_000)
  }

  @Test("nothing is known of a search that asks for something else or for more than the last one, or of what is none")
  func unlike() {
    let recent = RecentSearches()
    recent.add(body(SampleRows.search("items")), nanoseconds: 1)
    #expect(recent.expected(body(SampleRows.search("items"))) == 1)
    for other in [
      SampleRows.search("itemz"), SampleRows.search("item"), SampleRows.search("items", k: 11),
      SampleRows.search("items", queries: 2),
    ] { #expect(recent.expected(body(other)) == nil) }
    let asked = body(SampleRows.search("items"))
    #expect(recent.expected(asked + [UInt8](repeating: 0, count: asked.count)) == 1)
    #expect(recent.expected(asked + [UInt8](repeating: 0, count: asked.count + 1)) == nil)
    for short in 0..<27 { #expect(recent.expected(Array(asked.prefix(short))) == nil) }
    #expect(recent.expected([0xFF, 0xFF, 1, 2, 3]) == nil)
    recent.add([1], nanoseconds: 5)
    #expect(recent.expected([1]) == nil && recent.expected(asked) == 1)
  }

  @Test("a lone connection's searches have the same answers one by one, in a burst, and beside those of another one")
  func answers() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 2_000, through: client)
        let right = try (0..<10).map { try client.must(SampleRows.search("items", seed: UInt64($0))) }
        for number in 0..<60 {
          #expect(try client.must(SampleRows.search("items", seed: UInt64(number % 10))) == right[number % 10])
        }
        for number in 0..<60 {
          try client.send(SampleRows.search("items", seed: UInt64(number % 10)), id: UInt64(1_000 + number))
        }
        for answer in try client.receive(count: 60) { #expect(answer.reply == right[Int(answer.requestId - 1_000) % 10]) }
        let other = try daemon.client()
        for number in 0..<60 {
          let seed = number % 10
          #expect(try (number % 3 == 0 ? other : client).must(SampleRows.search("items", seed: UInt64(seed))) == right[seed])
        }
      }
    }
  }

  @Test("a ping overtakes a long search that follows many short ones")
  func longOne() async throws {
    try await withDaemon { daemon in
      try await blocking {
        let client = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: client)
        for _ in 0..<60 { _ = try client.must(SampleRows.search("items")) }
        try client.send(SampleRows.search("items", queries: 2_000), id: 1_001)
        usleep(20_000)  // until it is the only frame that has come
        try client.send(.ping([9]), id: 1_002)
        #expect(try client.receive(count: 2).map(\.requestId) == [1_002, 1_001])
      }
    }
  }
}
