import VecCore

/// Which lists the vectors of a batch look into, turned round: for each list the vectors that want it.
struct ListProbes {
  /// Lists that somebody wants, ascending.
  private(set) var lists: [Int] = []
  /// `vectors[starts[i]..<starts[i + 1]]` want `lists[i]`; ascending.
  private(set) var vectors: [Int32] = []
  private(set) var starts: [Int] = [0]
  /// Rows that all vectors look at together.
  private(set) var rowCount = 0

  /// - Parameter wanted: the lists of each vector, none twice.
  init(_ wanted: [[Int32]], of all: IVFLists) {
    var counts = [Int](repeating: 0, count: all.listCount + 1)
    for own in wanted {
      for list in own { counts[Int(list) + 1] += 1 }
    }
    for list in 0..<all.listCount where counts[list + 1] > 0 {
      lists.append(list)
      starts.append((starts.last ?? 0) + counts[list + 1])
      rowCount += counts[list + 1] * all.rows(list).count
    }
    for list in 0..<all.listCount { counts[list + 1] += counts[list] }
    vectors = [Int32](repeating: 0, count: counts[all.listCount])
    for (vector, own) in wanted.enumerated() {
      for list in own {
        vectors[counts[Int(list)]] = Int32(truncatingIfNeeded: vector)
        counts[Int(list)] += 1
      }
    }
  }

  func vectors(_ index: Int) -> ArraySlice<Int32> { vectors[starts[index]..<starts[index + 1]] }
}
