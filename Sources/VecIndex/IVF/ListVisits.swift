import VecCore

/// Which queries of a batch look at which lists, gathered query by query and read list by list.
final class ListVisits {
  private let lists: Int
  private let interests: Int
  private var pairs: [(list: UInt32, query: UInt32)] = []
  private var isOneQuery = true

  init(lists: Int, interests: Int) {
    self.lists = lists
    self.interests = interests
  }

  func add(_ chosen: ArraySlice<UInt32>, query: Int) {
    let query = UInt32(truncatingIfNeeded: query)
    if let last = pairs.last, last.query != query { isOneQuery = false }
    for list in chosen { pairs.append((list, query)) }
  }

  /// Calls the body for every list that was chosen, with the vectors of its queries in the order in which they were added.
  /// A single query's lists come in its order, best first; those of several by number.
  func forEach(_ body: (Int, UnsafeBufferPointer<UInt32>) throws(VecError) -> Void) throws(VecError) {
    guard let first = pairs.first else { return }
    if isOneQuery {
      let vectors = Scratch<UInt32>(interests)
      write(first.query, to: vectors.base)
      for pair in pairs { try body(Int(pair.list), UnsafeBufferPointer(start: vectors.base, count: interests)) }
      return
    }
    let ends = Scratch<Int>(lists + 1)
    ends.base.initialize(repeating: 0, count: lists + 1)
    for pair in pairs { ends.base[Int(pair.list) + 1] += interests }
    for list in 0..<lists { ends.base[list + 1] += ends.base[list] }
    // While the vectors go to their places, entry i becomes the end of list i.
    let vectors = Scratch<UInt32>(pairs.count * interests)
    for pair in pairs {
      write(pair.query, to: vectors.base + ends.base[Int(pair.list)])
      ends.base[Int(pair.list)] += interests
    }
    var start = 0
    for list in 0..<lists where ends.base[list] > start {
      let count = ends.base[list] - start
      try body(list, UnsafeBufferPointer(start: UnsafePointer(vectors.base + start), count: count))
      start += count
    }
  }

  private func write(_ query: UInt32, to vectors: UnsafeMutablePointer<UInt32>) {
    for interest in 0..<interests {
      vectors[interest] = query * UInt32(truncatingIfNeeded: interests) + UInt32(truncatingIfNeeded: interest)
    }
  }
}
