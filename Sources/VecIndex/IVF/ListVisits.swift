import VecCore

/// Which vectors of a batch look at which lists, gathered vector by vector and read list by list.
final class ListVisits {
  private let lists: Int
  private var pairs: [(list: UInt32, vector: UInt32)] = []
  private var isOneVector = true

  init(lists: Int) { self.lists = lists }

  func add(_ chosen: ArraySlice<UInt32>, _ vector: Int) {
    let vector = UInt32(truncatingIfNeeded: vector)
    if let last = pairs.last, last.vector != vector { isOneVector = false }
    for list in chosen { pairs.append((list, vector)) }
  }

  /// Calls the body for every list that was chosen, with its vectors in the order in which they were added. A single
  /// vector's lists come in its order, best first; those of several by number.
  func forEach(_ body: (Int, UnsafeBufferPointer<UInt32>) throws(VecError) -> Void) throws(VecError) {
    if isOneVector {
      for pair in pairs {
        let vector = Scratch<UInt32>(1)
        vector.base[0] = pair.vector
        try body(Int(pair.list), UnsafeBufferPointer(start: vector.base, count: 1))
      }
      return
    }
    let ends = Scratch<Int>(lists + 1)
    ends.base.initialize(repeating: 0, count: lists + 1)
    for pair in pairs { ends.base[Int(pair.list) + 1] += 1 }
    for list in 0..<lists { ends.base[list + 1] += ends.base[list] }
    // While the vectors go to their places, entry i becomes the end of list i.
    let vectors = Scratch<UInt32>(pairs.count)
    for pair in pairs {
      vectors.base[ends.base[Int(pair.list)]] = pair.vector
      ends.base[Int(pair.list)] += 1
    }
    var start = 0
    for list in 0..<lists where ends.base[list] > start {
      let count = ends.base[list] - start
      try body(list, UnsafeBufferPointer(start: UnsafePointer(vectors.base + start), count: count))
      start += count
    }
  }
}
