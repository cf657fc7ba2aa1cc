import VecCore

extension HNSWSearch {
  /// The `wanted` best of all allowed rows: what a walk cannot find, or only at a higher price.
  func scanned(
    _ query: UnsafePointer<Float>, _ interests: Int, _ wanted: Int, _ mask: RowMask?, _ shouldStop: () -> Bool
  ) throws(VecError) -> [UInt32] {
    let probes = prepare(query, interests, capacity: wanted)
    var pools = probes.indices.map { TraversalPool(scratch.poolKeys.base + $0 * wanted, capacity: wanted) }
    let rows = scratch.gathered.base
    var pacer = Pacer()
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
      try pacer.spend((next - first) + count * plane.dimension * probes.count, shouldStop)
      for at in probes.indices where count > 0 {
        probes[at].score(rows, count, scratch.scores.base)
        let fresh = Traversal.enter(pools[at].bound, rows, scratch.scores.base, count, into: scratch.fresh.base)
        pools[at].merge(scratch.fresh.base, fresh)
      }
    }
    return Array(Self.best(of: pools).prefix(wanted))
  }
}
