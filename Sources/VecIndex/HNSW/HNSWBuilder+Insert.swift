/// A new row and where its walk through level 0 starts.
struct Newcomer {
  var row: UInt32
  var entry: UInt32
  /// The way down the levels, the highest ones first.
  var path: UInt64
}

extension HNSWBuilder {
  /// Links the rows of a batch into the graph.
  ///
  /// They are taken in the order of their ways down the levels, so that rows which come one after the other walk through
  /// the same part of the graph and find it in the cache.
  func insert(_ places: Range<Int>) {
    guard places.lowerBound > 0 else { return }  // the first row has nobody to link to
    let newcomers = newcomers(places)
    team.forEach(newcomers.count, step: 16) { [self] worker, range in
      for index in range { linkForward(newcomers[index], workers[worker]) }
    }
    backLinks.clear()
    for newcomer in newcomers {
      let list = working.list(newcomer.row)
      for slot in 0..<working.degree(newcomer.row) { backLinks.add(from: newcomer.row, to: list[slot]) }
    }
    let targets = backLinks.targets
    team.forEach(targets.count, step: 64) { [self] worker, range in
      for index in range {
        workers[worker].add(
          backLinks.links(to: targets[index]), to: targets[index], working, limit: parameters.stride, scorer)
      }
    }
  }

  private func newcomers(_ places: Range<Int>) -> [Newcomer] {
    var found = places.map { Newcomer(row: order[$0], entry: order[0], path: 0) }
    found.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let slots = buffer
      team.forEach(places.count, step: 64) { [self] worker, range in
        for index in range { slots[index] = newcomer(slots[index].row, workers[worker]) }
      }
    }
    found.sort { ($0.path, $0.row) < ($1.path, $1.row) }
    return found
  }

  /// Finds the way of a row down the levels there are so far.
  func newcomer(_ row: UInt32, _ worker: HNSWWorker) -> Newcomer {
    var newcomer = Newcomer(row: row, entry: order[0], path: 0)
    guard !snapshots.isEmpty, let query = worker.prepare(row, scorer) else { return newcomer }
    let probe = RowProbe(scorer: scorer, query: query)
    var best: (position: UInt32, score: Float) = (0, 0)
    probe.score([order[0]], 1, &best.score)
    for layer in snapshots {
      best = Traversal.descend(
        probe, Adjacency(lists: layer.base, stride: parameters.links), rows: upperRows.base, from: best, worker.scratch)
      newcomer.path = newcomer.path << 32 | UInt64(best.position)
    }
    newcomer.entry = upperRows.base[Int(best.position)]
    return newcomer
  }

  /// Finds neighbours for a new row; nobody else sees its list yet.
  private func linkForward(_ newcomer: Newcomer, _ worker: HNSWWorker) {
    let pool = candidates(newcomer, worker, ef: parameters.efConstruction, in: working)
    _ = worker.selection.choose(
      for: newcomer.row, pool.keys, pool.count, limit: parameters.stride, scorer, into: working.list(newcomer.row))
  }

  /// The rows of a graph that are nearest to the given one, which is not among them unless it is linked.
  func candidates(_ newcomer: Newcomer, _ worker: HNSWWorker, ef: Int, in graph: Adjacency) -> TraversalPool {
    guard let query = worker.prepare(newcomer.row, scorer) else {
      return TraversalPool(worker.scratch.poolKeys.base, capacity: 0)
    }
    let scratch = worker.scratch
    var pool = TraversalPool(scratch.poolKeys.base, capacity: ef)
    let probe = RowProbe(scorer: scorer, query: query)
    var entry = newcomer.entry
    var score: Float = 0
    probe.score(&entry, 1, &score)
    let visited = scratch.emptyVisited()
    _ = visited.insert(entry)
    scratch.fresh.base[0] = TraversalPool.key(score, entry)
    pool.merge(scratch.fresh.base, 1)
    var nothing = NoHarvest()
    // Nothing stops this walk, so nothing is thrown.
    try? Traversal.walk(probe, graph, &pool, visited, scratch, &nothing) { false }
    return pool
  }
}
