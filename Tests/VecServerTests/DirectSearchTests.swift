import Testing
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

  @Test("one long search is remembered for a while, and forgotten when short ones follow")
  func recentDuration() {
    let recent = RecentDuration()
    #expect(recent.value == nil)
    recent.add(0)
    #expect(recent.value == 1)
    recent.add(8_000_000)
    recent.add(50_000)
    #expect(recent.value == 7_000_000)
    for _ in 0..<100 { recent.add(50_000) }
    #expect(recent.value == 50_000)
    recent.add(70_000)
    #expect(recent.value == 70_000)
  }
}
