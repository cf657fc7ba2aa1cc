/// Chooses a row's neighbours among candidates: the nearest first, then each one that no chosen neighbour is `alpha`
/// times nearer to. So lists point in all directions instead of into the nearest clump, and walks take long strides.
///
/// Source: Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using HNSW graphs", algorithm 4;
/// alpha: Subramanya et al., "DiskANN". Written the other way round: each chosen row strikes out the candidates it
/// covers, which takes one call of the kernel per chosen row instead of one per candidate.
final class EdgeSelection {
  private var rows: Scratch<UInt32>
  private var distances: Scratch<Float>
  private var between: Scratch<Float>
  private var keys: Scratch<UInt64>
  private let prepared: UnsafeMutableRawBufferPointer
  private let squaredAlpha: Float

  init(alpha: Float, capacity: Int, queryByteCount: Int) {
    squaredAlpha = alpha * alpha
    rows = Scratch(capacity)
    distances = Scratch(capacity)
    between = Scratch(capacity)
    keys = Scratch(capacity)
    prepared = .allocate(byteCount: queryByteCount, alignment: 64)
  }

  deinit { prepared.deallocate() }

  /// From the keys of a walk for `row`, nearest first. Writes at most `limit` rows and returns how many.
  func choose(
    for row: UInt32, _ candidates: UnsafePointer<UInt64>, _ count: Int, limit: Int, _ scorer: some RowScorer,
    into chosen: UnsafeMutablePointer<UInt32>
  ) -> Int {
    reserve(count)
    for index in 0..<count {
      rows.base[index] = TraversalPool.node(candidates[index])
      distances.base[index] = -TraversalPool.score(candidates[index]) - scorer.handicap(rows.base[index])
    }
    return strike(row, count, limit: limit, scorer, into: chosen)
  }

  /// From rows in any order, none of them `row`.
  func choose(
    for row: UInt32, _ candidates: [UInt32], limit: Int, _ scorer: some RowScorer,
    into chosen: UnsafeMutablePointer<UInt32>
  ) -> Int {
    guard let query = prepared.baseAddress else { return 0 }
    let count = candidates.count
    reserve(count)
    scorer.prepare(row: row, into: query)
    for index in 0..<count {
      rows.base[index] = candidates[index]
      scorer.prefetch(candidates[index])
    }
    scorer.distance(query, rows.base, count, distances.base)
    for index in 0..<count {
      let cost = distances.base[index] + scorer.handicap(rows.base[index])
      keys.base[index] = TraversalPool.key(-cost, rows.base[index])
    }
    if count <= 96 {
      TraversalPool.sort(keys.base, count)
    } else {
      var all = UnsafeMutableBufferPointer(start: keys.base, count: count)
      all.sort()
    }
    return choose(for: row, keys.base, count, limit: limit, scorer, into: chosen)
  }

  private func strike(
    _ row: UInt32, _ all: Int, limit: Int, _ scorer: some RowScorer, into chosen: UnsafeMutablePointer<UInt32>
  ) -> Int {
    guard let query = prepared.baseAddress else { return 0 }
    var count = all
    var chosenCount = 0
    while count > 0 {
      let best = rows.base[0]
      chosen[chosenCount] = best
      chosenCount += 1
      if chosenCount == limit || count == 1 { break }
      scorer.prepare(row: best, into: query)
      let lead = scorer.handicap(best) - scorer.handicap(row)
      scorer.distance(query, rows.base + 1, count - 1, between.base)
      var kept = 0
      for index in 1..<count {
        rows.base[kept] = rows.base[index]
        distances.base[kept] = distances.base[index]
        kept += squaredAlpha * between.base[index - 1] + lead > distances.base[index] ? 1 : 0
      }
      count = kept
    }
    return chosenCount
  }

  private func reserve(_ count: Int) {
    guard count > rows.count else { return }
    rows = Scratch(2 * count)
    distances = Scratch(2 * count)
    between = Scratch(2 * count)
    keys = Scratch(2 * count)
  }
}
