import VecCore

extension HNSWSearch {
  /// The rows that a walk leads to: up to `wanted` of the best, and the rows they stand for.
  func walked(
    _ query: UnsafePointer<Float>, _ interests: Int, _ length: Int, _ wanted: Int, _ k: Int, _ mask: RowMask?,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> [UInt32] {
    guard !graph.layers.isEmpty else { return [] }
    let pools =
      if let mask {
        try walk(query, interests, length, wanted, shouldStop) {
          MaskedHarvest($0, mask: mask, twins: graph.twins, fresh: $1)
        }.map(\.harvest.pool)
      } else {
        try walk(query, interests, length, 0, shouldStop) { _, _ in NoHarvest() }.map(\.pool)
      }
    return candidates(pools, wanted: wanted, k: k, mask: mask)
  }

  private func walk<H: Harvest>(
    _ query: UnsafePointer<Float>, _ interests: Int, _ length: Int, _ wanted: Int, _ shouldStop: () -> Bool,
    _ harvest: (_ pool: TraversalPool, _ fresh: UnsafeMutablePointer<UInt64>) -> H
  ) throws(VecError) -> [(pool: TraversalPool, harvest: H)] {
    let probes = prepare(query, interests, capacity: length + wanted)
    let visited = scratch.emptyVisited()
    var pools: [TraversalPool] = []
    var harvests: [H] = []
    for interest in 0..<interests {
      let keys = scratch.poolKeys.base + interest * (length + wanted)
      pools.append(TraversalPool(keys, capacity: length))
      harvests.append(harvest(TraversalPool(keys + length, capacity: wanted), scratch.kept.base))
    }
    enter(probes, &pools, visited, &harvests)
    if interests == 1 {
      try Traversal.walk(probes[0], graph.base, &pools[0], visited, scratch, &harvests[0], shouldStop)
    } else {
      try Traversal.walkTogether(probes, graph.base, &pools, visited, scratch, &harvests, shouldStop)
    }
    return Array(zip(pools, harvests)).map { ($0.0, $0.1) }
  }

  /// The query's vectors as the scorer wants them, with room for as many pools.
  func prepare(_ query: UnsafePointer<Float>, _ interests: Int, capacity: Int) -> [QueryProbe<Scorer>] {
    scratch.reserve(
      nodes: graph.rowCount, pools: interests, capacity: capacity, queryByteCount: scorer.queryByteCount)
    guard let prepared = scratch.prepared.baseAddress else { return [] }
    return (0..<interests).map { interest in
      let own = prepared + interest * scorer.queryByteCount
      scorer.prepare(query + interest * plane.dimension, into: own)
      return QueryProbe(scorer: scorer, query: UnsafeRawPointer(own))
    }
  }

  /// Puts the node that each vector's way down the levels ends at into all pools.
  private func enter<H: Harvest>(
    _ probes: [QueryProbe<Scorer>], _ pools: inout [TraversalPool], _ visited: Visited, _ harvests: inout [H]
  ) {
    for probe in probes {
      var best: (position: UInt32, score: Float) = (0, 0)
      probe.score(graph.upperRows.base, 1, &best.score)
      for level in graph.layers.indices.reversed() {
        best = Traversal.descend(probe, graph.layer(level), rows: graph.upperRows.base, from: best, scratch)
      }
      var row = graph.upperRows.base[Int(best.position)]
      guard visited.insert(row) == 1 else { continue }
      for at in probes.indices {
        var score: Float = 0
        probes[at].score(&row, 1, &score)
        harvests[at].take(&row, &score, 1)
        scratch.fresh.base[0] = TraversalPool.key(score, row)
        pools[at].merge(scratch.fresh.base, 1)
      }
    }
  }

  /// The rows to settle: the best nodes of the pools by their best score, and the rows they stand for.
  private func candidates(_ pools: [TraversalPool], wanted: Int, k: Int, mask: RowMask?) -> [UInt32] {
    var rows: [UInt32] = []
    rows.reserveCapacity(wanted)
    let hasTwins = !graph.twins.members.isEmpty
    for node in Self.best(of: pools) {
      guard rows.count < wanted else { break }
      if mask?.allows(node) ?? true { rows.append(node) }
      if hasTwins { rows += others(of: node, most: k, mask: mask) }
    }
    return rows
  }

  /// The nodes of all pools by their best score, each once.
  static func best(of pools: [TraversalPool]) -> [UInt32] {
    var keys: [UInt64] = []
    for pool in pools {
      keys += UnsafeBufferPointer(start: pool.keys, count: pool.count).map { $0 & ~1 }
    }
    guard pools.count > 1 else { return keys.map(TraversalPool.node) }
    keys.sort()
    var seen: Set<UInt32> = []
    return keys.map(TraversalPool.node).filter { seen.insert($0).inserted }
  }

  /// The rows that a node stands for; of too many the ones with the least ids, since their scores are equal.
  private func others(of node: UInt32, most: Int, mask: RowMask?) -> [UInt32] {
    let all = graph.twins.others(of: node).filter { mask?.allows($0) ?? true }
    guard all.count > most else { return all }
    return Array(all.sorted { plane.ids[Int($0)] < plane.ids[Int($1)] }.prefix(most))
  }
}
