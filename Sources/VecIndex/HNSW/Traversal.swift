import VecCore
import VecKernels

/// Neighbour lists of equal length in one array, filled from the front and padded with `none`.
struct Adjacency {
  static let none = UInt32.max

  let lists: UnsafeMutablePointer<UInt32>
  let stride: Int

  @inline(__always)
  func list(_ node: UInt32) -> UnsafeMutablePointer<UInt32> { lists + Int(node) * stride }

  func degree(_ node: UInt32) -> Int {
    let list = list(node)
    var degree = 0
    while degree < stride, list[degree] != Self.none { degree += 1 }
    return degree
  }

  /// The list's cache lines, three at most: what lies further back arrives by the hardware's own prefetcher.
  @inline(__always)
  func prefetch(_ node: UInt32) {
    let list = UnsafeRawPointer(list(node))
    VecKernels.prefetch(list)
    if stride > 16 { VecKernels.prefetch(list + 64) }
    if stride > 32 { VecKernels.prefetch(list + 128) }
  }
}

/// Best-first walks over neighbour lists.
enum Traversal {
  /// Steps between two questions whether to stop: 10 to 100 microseconds.
  private static let stepsPerAsk = 64

  /// Walks until the pool's best candidates are all expanded. The pool holds at least one entry, marked as visited.
  ///
  /// Two nodes are expanded per step, so that more rows are on their way from memory at once: the best one, and one that
  /// was picked before the step's rows were scored, so that its list has arrived meanwhile.
  @inline(__always)
  static func walk(
    _ probe: some Probe, _ graph: Adjacency, _ pool: inout TraversalPool, _ visited: Visited,
    _ scratch: TraversalScratch, _ harvest: inout some Harvest, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let gathered = scratch.gathered.base
    let scores = scratch.scores.base
    let fresh = scratch.fresh.base
    var steps = 0
    var best = pool.next()
    var early: UInt32?
    while let node = best {
      var count = gather(graph, node, visited, probe, into: gathered, at: 0)
      if let early { count = gather(graph, early, visited, probe, into: gathered, at: count) }
      scratch.visitedCount &+= count
      early = pool.next()
      probe.score(gathered, count, scores)
      harvest.take(gathered, scores, count)
      let freshCount = enter(pool.bound, gathered, scores, count, into: fresh)
      for index in 0..<freshCount { graph.prefetch(TraversalPool.node(fresh[index])) }
      pool.merge(fresh, freshCount)
      best = pool.next()
      if best == nil { swap(&best, &early) }

      steps += 1
      if steps & (stepsPerAsk - 1) == 0 { try Pacer.ask(shouldStop) }
    }
  }

  /// The keys that get into a pool with this bound.
  @inline(__always)
  static func enter(
    _ bound: UInt64, _ rows: UnsafePointer<UInt32>, _ scores: UnsafePointer<Float>, _ count: Int,
    into fresh: UnsafeMutablePointer<UInt64>
  ) -> Int {
    var freshCount = 0
    for index in 0..<count {
      let key = TraversalPool.key(scores[index], rows[index])
      fresh[freshCount] = key
      freshCount += key < bound ? 1 : 0
    }
    return freshCount
  }

  /// Appends the neighbours not visited before, asks for their rows, and returns the new count.
  @inline(__always)
  static func gather(
    _ graph: Adjacency, _ node: UInt32, _ visited: Visited, _ probe: some Probe,
    into gathered: UnsafeMutablePointer<UInt32>, at start: Int
  ) -> Int {
    let list = graph.list(node)
    var count = start
    for slot in 0..<graph.stride {
      let neighbour = list[slot]
      if neighbour == Adjacency.none { break }
      gathered[count] = neighbour
      let isNew = visited.insert(neighbour)
      // Rows visited before are asked for too: they are in the cache, and a branch would be mispredicted.
      probe.prefetch(neighbour)
      count += isNew
    }
    return count
  }

  /// Follows the best neighbour until there is no better one; positions are those of an upper layer.
  @inline(__always)
  static func descend(
    _ probe: some Probe, _ graph: Adjacency, rows: UnsafePointer<UInt32>, from start: (position: UInt32, score: Float),
    _ scratch: TraversalScratch
  ) -> (position: UInt32, score: Float) {
    let gathered = scratch.gathered.base
    let scores = scratch.scores.base
    var best = start
    while true {
      let list = graph.list(best.position)
      var count = 0
      while count < graph.stride, list[count] != Adjacency.none {
        gathered[count] = rows[Int(list[count])]
        count += 1
      }
      probe.score(gathered, count, scores)
      var next = best
      for index in 0..<count where scores[index] > next.score { next = (list[index], scores[index]) }
      if next.position == best.position { return best }
      best = next
    }
  }
}
