import VecCore

/// Owned, uninitialised working memory of one search.
struct Scratch<Element: BitwiseCopyable>: ~Copyable {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ count: Int) {
    self.count = count
    base = .allocate(capacity: max(1, count))
  }

  deinit { base.deallocate() }
}

/// Asks a search's `shouldStop` once per piece of work that takes about 50 to 500 microseconds.
struct Pacer: ~Copyable {
  private static let multiplyAddsPerAsk = 1 << 22
  private var spent = 0

  /// Accounts for work about to be done.
  mutating func spend(_ multiplyAdds: Int, _ shouldStop: () -> Bool) throws(VecError) {
    spent += multiplyAdds
    guard spent >= Self.multiplyAddsPerAsk else { return }
    spent = 0
    try Self.ask(shouldStop)
  }

  static func ask(_ shouldStop: () -> Bool) throws(VecError) {
    if shouldStop() {
      throw VecError(.deadlineExceeded, "the search was stopped before its answer was complete")
    }
  }
}
