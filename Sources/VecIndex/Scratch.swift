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
  // By pointer: a property that is changed while somebody else's closure runs would be guarded at run time.
  private let spent = Scratch<Int>(1)

  init() { spent.base.initialize(to: 0) }

  /// Accounts for work about to be done.
  func spend(_ multiplyAdds: Int, _ shouldStop: () -> Bool) throws(VecError) {
    spent.base.pointee += multiplyAdds
    guard spent.base.pointee >= Self.multiplyAddsPerAsk else { return }
    spent.base.pointee = 0
    try Self.ask(shouldStop)
  }

  static func ask(_ shouldStop: () -> Bool) throws(VecError) {
    if shouldStop() {
      throw VecError(.deadlineExceeded, "the search was stopped before its answer was complete")
    }
  }
}
