import VecCore

extension HNSWSearch {
  /// The `wanted` best of all allowed rows: what a walk cannot find, or only at a higher price.
  func scanned(
    _ query: UnsafePointer<Float>, _ interests: Int, _ wanted: Int, _ mask: RowMask?, _ shouldStop: () -> Bool
  ) throws(VecError) -> [UInt32] {
    let probes = prepare(query, interests, capacity: wanted)
    return interests == 1
      ? try scanned(probes[0], interests, wanted, mask, shouldStop)
      : try scanned(together(probes), interests, wanted, mask, shouldStop)
  }

  private func scanned(
    _ probe: some Probe, _ interests: Int, _ wanted: Int, _ mask: RowMask?, _ shouldStop: () -> Bool
  ) throws(VecError) -> [UInt32] {
    var pool = TraversalPool(scratch.poolKeys.base, capacity: wanted)
    let rows = scratch.gathered.base
    let pacer = Pacer()
    var next = 0
    while next < plane.rowCount {
      let first = next
      var count = 0
      while next < plane.rowCount, count < TraversalScratch.gatherMax {
        let row = UInt32(truncatingIfNeeded: next)
        rows[count] = row
        count += mask?.allows(row) ?? true ? 1 : 0
        next += 1
      }
      try pacer.spend((next - first) + count * plane.dimension * interests, shouldStop)
      guard count > 0 else { continue }
      probe.score(rows, count, scratch.scores.base)
      let fresh = Traversal.enter(pool.bound, rows, scratch.scores.base, count, into: scratch.fresh.base)
      pool.merge(scratch.fresh.base, fresh)
    }
    return (0..<pool.count).map { TraversalPool.node(pool.keys[$0]) }
  }
}
