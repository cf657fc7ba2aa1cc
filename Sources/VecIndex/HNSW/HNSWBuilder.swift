import VecCore

/// Builds a graph by inserting rows in batches.
///
/// The rows of a batch look for their neighbours in the graph of the batches before, which nobody changes meanwhile; then
/// the links back to them are added, each list by one worker and in a fixed order. So what comes out does not depend on
/// how many workers there are. Batches grow with the graph, to a fiftieth of it at most.
///
/// Levels are snapshots: when the first n / M rows (in a random order) are in, the graph over them is kept as level 1,
/// and so on upwards; they cost nothing extra.
///
/// Unchecked: workers write disjoint lists, and the thread that called `build` writes the rest while they rest.
final class HNSWBuilder<Scorer: RowScorer>: @unchecked Sendable {
  let scorer: Scorer
  let parameters: HNSWParameters
  let team: WorkTeam
  let twins: TwinRows
  /// The rows that are nodes, in the order of insertion.
  let order: [UInt32]
  /// The graph so far, lists by row.
  let working: Adjacency
  let workers: [HNSWWorker]
  let backLinks: BackLinks
  /// Finished levels, the highest first, lists by place in `order`.
  var snapshots: [HotArray<UInt32>] = []
  let upperRows: HotArray<UInt32>
  var report = HNSWReport()
  private let workingLists: HotArray<UInt32>
  /// Nodes of the levels above 0, ascending.
  private let levelCounts: [Int]

  init(scorer: Scorer, parameters: HNSWParameters, team: WorkTeam) throws(VecError) {
    try parameters.check()
    guard scorer.rowCount < TraversalPool.nodesMax else {
      throw VecError(.limitExceeded, "hnsw: \(scorer.rowCount) rows in one graph, at most \(TraversalPool.nodesMax - 1)")
    }
    self.scorer = scorer
    self.parameters = parameters
    self.team = team
    twins = TwinRows(scorer, team: team)
    order = Self.order(scorer.rowCount, without: twins.members, seed: parameters.seed)
    levelCounts = Self.levelCounts(order.count, links: parameters.links)
    workingLists = HotArray(scorer.rowCount * parameters.workingStride, repeating: Adjacency.none)
    working = Adjacency(lists: workingLists.base, stride: parameters.workingStride)
    upperRows = HotArray(levelCounts.last ?? 0, repeating: 0)
    for place in 0..<upperRows.count { upperRows.base[place] = order[place] }
    backLinks = BackLinks(rowCount: scorer.rowCount)
    workers = (0..<team.width).map { _ in HNSWWorker(scorer, parameters) }
    report.nodeCount = order.count
    report.twinCount = twins.members.count
  }

  /// - Parameters:
  ///   - answers: per query of a sample the rows of its answer, best first; they get links to each other.
  ///   - progress: told the share of the work that is done, from the calling thread.
  ///   - shouldStop: asked from the calling thread, between batches.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so.
  func build(
    answers: [[UInt32]] = [], progress: (Float) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws(VecError) -> HNSWGraph {
    var inserted = 0
    while inserted < order.count {
      if shouldStop() { throw VecError(.deadlineExceeded, "the build was stopped at row \(inserted) of \(order.count)") }
      let end = batchEnd(inserted)
      insert(inserted..<end)
      inserted = end
      if levelCounts.contains(inserted) { snapshot(inserted) }
      progress(0.95 * Float(inserted) / Float(order.count))
    }
    let lists = finish(QueryLinks(answers, twins: twins, slots: parameters.querySlots))
    connect(Adjacency(lists: lists.base, stride: parameters.stride))
    progress(1)
    return HNSWGraph(
      parameters: parameters, queryCount: answers.count, lists: lists, upperRows: upperRows,
      layers: snapshots.reversed(), twins: twins)
  }

  private func batchEnd(_ inserted: Int) -> Int {
    let most = max(32, order.count / 50)
    let end = inserted + max(1, min(inserted / 8, most))
    let nextLevel = levelCounts.first { $0 > inserted } ?? order.count
    return min(end, nextLevel, order.count)
  }

  /// Keeps the graph over the first `count` rows as a level.
  private func snapshot(_ count: Int) {
    let stride = parameters.links
    let layer = HotArray<UInt32>(count * stride, repeating: Adjacency.none)
    nonisolated(unsafe) let lists = layer.base
    let places = Dictionary(uniqueKeysWithValues: order[..<count].enumerated().map { ($1, UInt32($0)) })
    team.forEach(count, step: 256) { [self] worker, range in
      for place in range {
        let row = order[place]
        let list = lists + place * stride
        let kept = workers[worker].shortened(working, row, limit: stride, scorer, into: list)
        for slot in 0..<kept { list[slot] = places[list[slot]] ?? Adjacency.none }
      }
    }
    snapshots.append(layer)
  }

  /// The rows without the given ones (ascending), shuffled by the seed.
  private static func order(_ rowCount: Int, without left: [UInt32], seed: UInt64) -> [UInt32] {
    var isLeft = [Bool](repeating: false, count: rowCount)
    for row in left { isLeft[Int(row)] = true }
    var rows = (0..<UInt32(rowCount)).filter { !isLeft[Int($0)] }
    var generator = SplitMix64(seed: seed)
    for end in stride(from: rows.count - 1, to: 0, by: -1) {
      rows.swapAt(end, Int(generator.next() % UInt64(end + 1)))
    }
    return rows
  }

  private static func levelCounts(_ count: Int, links: Int) -> [Int] {
    guard count > 0 else { return [] }
    var counts = [max(1, count / links)]
    while let least = counts.first, least >= links { counts.insert(least / links, at: 0) }
    return counts
  }
}
