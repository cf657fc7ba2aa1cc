import VecCore

extension HNSWSearch {
  /// The rows that a walk leads to: up to `wanted` of the best, and the rows they stand for.
  func walked(
    _ query: UnsafePointer<Float>, _ interests: Int, _ length: Int, _ wanted: Int, _ k: Int, _ mask: RowMask?,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> [UInt32] {
    guard !graph.layers.isEmpty else { return [] }
    let probes = prepare(query, interests, capacity: length + wanted)
    let pool =
      if interests == 1 {
        try walked(probes, by: probes[0], length, wanted, mask, shouldStop)
      } else {
        try walked(probes, by: together(probes), length, wanted, mask, shouldStop)
      }
    return candidates(pool, wanted: wanted, k: k, mask: mask)
  }

  private func walked(
    _ entries: [QueryProbe<Scorer>], by probe: some Probe, _ length: Int, _ wanted: Int, _ mask: RowMask?,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> TraversalPool {
    let keys = scratch.poolKeys.base
    let pool = TraversalPool(keys, capacity: length)
    guard let mask else {
      var nothing = NoHarvest()
      return try walk(entries, probe, pool, &nothing, shouldStop)
    }
    var harvest = MaskedHarvest(
      TraversalPool(keys + length, capacity: wanted), mask: mask, twins: graph.twins, fresh: scratch.kept.base)
    _ = try walk(entries, probe, pool, &harvest, shouldStop)
    return harvest.pool
  }

  /// Enters at the node that each vector's own way down the levels ends at, and walks by the probe.
  private func walk(
    _ entries: [QueryProbe<Scorer>], _ probe: some Probe, _ empty: TraversalPool, _ harvest: inout some Harvest,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> TraversalPool {
    var pool = empty
    let visited = scratch.emptyVisited()
    for entry in entries {
      var best: (position: UInt32, score: Float) = (0, 0)
      entry.score(graph.upperRows.base, 1, &best.score)
      for level in graph.layers.indices.reversed() {
        best = Traversal.descend(entry, graph.layer(level), rows: graph.upperRows.base, from: best, scratch)
      }
      var row = graph.upperRows.base[Int(best.position)]
      guard visited.insert(row) == 1 else { continue }
      var score: Float = 0
      probe.score(&row, 1, &score)
      harvest.take(&row, &score, 1)
      scratch.fresh.base[0] = TraversalPool.key(score, row)
      pool.merge(scratch.fresh.base, 1)
    }
    try Traversal.walk(probe, graph.base, &pool, visited, scratch, &harvest, shouldStop)
    return pool
  }

  /// The query's vectors as the scorer wants them, and room for a pool.
  func prepare(_ query: UnsafePointer<Float>, _ interests: Int, capacity: Int) -> [QueryProbe<Scorer>] {
    scratch.reserve(
      nodes: graph.rowCount, interests: interests, capacity: capacity, queryByteCount: scorer.queryByteCount)
    guard let prepared = scratch.prepared.baseAddress else { return [] }
    return (0..<interests).map { interest in
      let own = prepared + interest * scorer.queryByteCount
      scorer.prepare(query + interest * plane.dimension, into: own)
      return QueryProbe(scorer: scorer, query: UnsafeRawPointer(own))
    }
  }

  /// The probes of one query as one.
  func together(_ probes: [QueryProbe<Scorer>]) -> InterestProbe<Scorer> {
    InterestProbe(scorer: scorer, queries: probes[0].query, count: probes.count, spare: scratch.spare.base)
  }

  /// The rows to settle: the best nodes of the pool, and the rows they stand for.
  private func candidates(_ pool: TraversalPool, wanted: Int, k: Int, mask: RowMask?) -> [UInt32] {
    var rows: [UInt32] = []
    rows.reserveCapacity(wanted)
    let hasTwins = !graph.twins.members.isEmpty
    for index in 0..<pool.count {
      guard rows.count < wanted else { break }
      let node = TraversalPool.node(pool.keys[index])
      if mask?.allows(node) ?? true { rows.append(node) }
      if hasTwins { rows += others(of: node, most: k, mask: mask) }
    }
    return rows
  }

  /// The rows that a node stands for; of too many the ones with the least ids, since their scores are equal.
  private func others(of node: UInt32, most: Int, mask: RowMask?) -> [UInt32] {
    let all = graph.twins.others(of: node).filter { mask?.allows($0) ?? true }
    guard all.count > most else { return all }
    return Array(all.sorted { plane.ids[Int($0)] < plane.ids[Int($1)] }.prefix(most))
  }
}
