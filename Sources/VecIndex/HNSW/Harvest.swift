/// What a walk keeps besides its pool, of all the rows that it scores.
protocol Harvest {
  mutating func take(_ rows: UnsafePointer<UInt32>, _ scores: UnsafePointer<Float>, _ count: Int)
}

/// For walks whose pool is the answer.
struct NoHarvest: Harvest {
  @inline(__always)
  func take(_ rows: UnsafePointer<UInt32>, _ scores: UnsafePointer<Float>, _ count: Int) {}
}

/// For searches in which not every row may be returned: the best of those that may. The walk itself goes through all
/// rows, since the way to a wanted row leads through unwanted ones.
struct MaskedHarvest: Harvest {
  private(set) var pool: TraversalPool
  private let mask: RowMask
  private let twins: TwinRows
  private let fresh: UnsafeMutablePointer<UInt64>

  /// - Parameter fresh: room for `TraversalScratch.gatherMax` keys, not the walk's own.
  init(_ pool: TraversalPool, mask: RowMask, twins: TwinRows, fresh: UnsafeMutablePointer<UInt64>) {
    self.pool = pool
    self.mask = mask
    self.twins = twins
    self.fresh = fresh
  }

  mutating func take(_ rows: UnsafePointer<UInt32>, _ scores: UnsafePointer<Float>, _ count: Int) {
    let bound = pool.bound
    var freshCount = 0
    for index in 0..<count {
      let key = TraversalPool.key(scores[index], rows[index])
      if key < bound, mask.allows(rows[index]) || twins.others(of: rows[index]).contains(where: mask.allows) {
        fresh[freshCount] = key
        freshCount += 1
      }
    }
    pool.merge(fresh, freshCount)
  }
}
