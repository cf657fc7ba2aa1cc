extension HNSWBuilder {
  /// The lists of level 0 in their final length. Rows with links from queries give them a share of their slots.
  func finish(_ queryLinks: QueryLinks) -> HotArray<UInt32> {
    let stride = parameters.stride
    let final = HotArray<UInt32>(scorer.rowCount * stride, repeating: Adjacency.none)
    nonisolated(unsafe) let lists = final.base
    team.forEach(order.count, step: 256) { [self] worker, range in
      for index in range {
        let row = order[index]
        let list = lists + Int(row) * stride
        let extra = queryLinks.links(of: row)
        var degree = workers[worker].shortened(working, row, limit: stride - extra.count, scorer, into: list)
        for link in extra where !(0..<degree).contains(where: { list[$0] == link }) {
          list[degree] = link
          degree += 1
        }
      }
    }
    report.queryCount = queryLinks.queryCount
    report.queryLinkedRows = queryLinks.rowCount
    return final
  }

  /// Makes every node reachable from the entry point: a node that is not gets a link from a near one that is.
  func connect(_ graph: Adjacency) {
    guard let entry = order.first else { return }
    var reach = Reach(graph, rowCount: scorer.rowCount)
    reach.spread(from: entry)
    report.reachableShare = Double(reach.count) / Double(order.count)
    // A link that takes the place of another one may cut somebody else off, so look again.
    for round in 0..<4 where reach.count < order.count {
      if round > 0 {
        reach = Reach(graph, rowCount: scorer.rowCount)
        reach.spread(from: entry)
      }
      for row in order where !reach.contains(row) {
        link(to: row, graph, attempt: round)
        reach.spread(from: row)
      }
    }
    report.degrees = Array(repeating: 0, count: graph.stride + 1)
    for row in order { report.degrees[graph.degree(row)] += 1 }
  }

  private func link(to row: UInt32, _ graph: Adjacency, attempt: Int) {
    let pool = candidates(newcomer(row, workers[0]), workers[0], ef: 64, in: graph)
    let near = (0..<pool.count).map { TraversalPool.node(pool.keys[$0]) }.filter { $0 != row }
    guard !near.isEmpty else { return }
    if let free = near.first(where: { graph.degree($0) < graph.stride }) {
      graph.list(free)[graph.degree(free)] = row
    } else {
      graph.list(near[attempt % near.count])[graph.stride - 1] = row
    }
  }
}

/// The nodes that can be reached from some of them.
struct Reach {
  private let graph: Adjacency
  private var isReached: [Bool]
  private var waiting: [UInt32] = []
  private(set) var count = 0

  init(_ graph: Adjacency, rowCount: Int) {
    self.graph = graph
    isReached = Array(repeating: false, count: rowCount)
  }

  func contains(_ row: UInt32) -> Bool { isReached[Int(row)] }

  mutating func spread(from row: UInt32) {
    mark(row)
    while let next = waiting.popLast() {
      let list = graph.list(next)
      for slot in 0..<graph.stride where list[slot] != Adjacency.none { mark(list[slot]) }
    }
  }

  private mutating func mark(_ row: UInt32) {
    guard !isReached[Int(row)] else { return }
    isReached[Int(row)] = true
    count += 1
    waiting.append(row)
  }
}
