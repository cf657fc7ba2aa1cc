import VecCore
import VecKernels

/// One search in a graph: finds candidates by the scorer's approximate scores, by a walk or, where few rows may be
/// returned, by scoring all of those; then settles the best of them by canonical scores.
struct HNSWSearch<Scorer: RowScorer> {
  /// Candidates settled per result wanted, as far as ef goes. Approximate scores are right to about half a percent, so the
  /// true best k are among the approximately best 1.2 k.
  private static var settledPerResult: Double { 1.2 }
  /// Rows that a walk scores per place of its pool, roughly.
  private static var rowsPerPlace: Int { 16 }

  let graph: HNSWGraph
  let scorer: Scorer
  let metric: Metric
  /// The exact vectors, of the rows the graph was built over.
  let plane: VectorPlane
  let scratch: TraversalScratch

  /// The best k rows for one query of `interests` vectors; approximately the true ones, with exact scores. All allowed
  /// rows when there are no more than k.
  func search(
    _ query: UnsafePointer<Float>, interests: Int, k: Int, ef: Int, mask: RowMask?, _ shouldStop: () -> Bool
  ) throws(VecError) -> [Hit] {
    try Pacer.ask(shouldStop)
    let rowCount = plane.rowCount
    let allowed = mask?.allowedCount(of: rowCount) ?? rowCount
    let k = min(k, allowed)
    guard k > 0 else { return [] }
    // The candidates of all interests share one list, which is longer for that.
    let ef = max(ef, k) * (interests + 3) / 4
    let wanted = min(allowed, ef, k + max(8, Int(Double(k) * (Self.settledPerResult - 1))))
    // A walk goes through all rows, so its pool must be longer the fewer of them count.
    let length = min(rowCount, Int(Double(ef) * Double(rowCount) / Double(allowed)))

    let isScanCheaper = Double(allowed) < Double(Self.rowsPerPlace) * Double(length)
    if !isScanCheaper {
      let rows = try walked(query, interests, length, wanted, k, mask, shouldStop)
      if rows.count >= k { return settle(query, interests, rows, k: k) }
    }
    return settle(query, interests, try scanned(query, interests, wanted, mask, shouldStop), k: k)
  }

  /// Exact scores, the best interest of each row, and the order of results.
  private func settle(_ query: UnsafePointer<Float>, _ interests: Int, _ rows: [UInt32], k: Int) -> [Hit] {
    var found: [(settled: Settled, interest: UInt8)] = []
    found.reserveCapacity(rows.count)
    let scores = Scratch<Float>(rows.count)
    for interest in 0..<interests {
      let vector = query + interest * plane.dimension
      rows.withUnsafeBufferPointer {
        CanonicalScore.settle(
          metric, query: vector, queryNorm: CanonicalScore.norm(vector, dimension: plane.dimension),
          base: plane.base, type: plane.elementType, dimension: plane.dimension, rows: $0, out: scores.base)
      }
      for (index, row) in rows.enumerated() {
        if interest == 0 {
          found.append((Settled(score: scores.base[index], id: plane.ids[Int(row)]), 0))
        } else if scores.base[index] > found[index].settled.score {
          found[index] = (Settled(score: scores.base[index], id: found[index].settled.id), UInt8(interest))
        }
      }
    }
    found.sort { $0.settled.isBefore($1.settled) }
    return found.prefix(k).map {
      Hit(id: $0.settled.id, score: CanonicalScore.shown($0.settled.score, metric), interest: $0.interest)
    }
  }
}
