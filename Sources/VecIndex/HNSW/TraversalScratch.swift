/// The working memory of one traversal at a time: allocated once, reused by every search of a thread, so that the loop
/// allocates nothing. It belongs to whoever hands it in and grows to the largest request it has met.
// Sendable: one traversal at a time uses it, on any thread.
package final class TraversalScratch: @unchecked Sendable {
  /// Neighbours that one step gathers at most: two expansions of the longest working lists.
  static let gatherMax = 512

  private(set) var nodeCount = 0
  /// Rows that all traversals so far have scored.
  package internal(set) var visitedCount = 0
  private var stamps: Scratch<UInt8>
  private var stamp: UInt8 = 0
  private(set) var poolKeys: Scratch<UInt64>
  private(set) var prepared: UnsafeMutableRawBufferPointer
  let gathered = Scratch<UInt32>(gatherMax)
  let scores = Scratch<Float>(gatherMax)
  /// Scores of one interest among several.
  let spare = Scratch<Float>(gatherMax)
  let fresh = Scratch<UInt64>(gatherMax)
  /// The same for a harvest beside the pool.
  let kept = Scratch<UInt64>(gatherMax)

  package init() {
    stamps = Scratch(1)
    stamps.base.initialize(to: 0)
    poolKeys = Scratch(1)
    prepared = .allocate(byteCount: 64, alignment: 64)
  }

  deinit { prepared.deallocate() }

  /// Makes room for a graph of `nodes` nodes, a pool of `capacity` keys, and `interests` prepared queries.
  func reserve(nodes: Int, interests: Int, capacity: Int, queryByteCount: Int) {
    if nodes > nodeCount {
      stamps = Scratch(nodes)
      stamps.base.initialize(repeating: 0, count: nodes)
      stamp = 0
      nodeCount = nodes
    }
    if capacity > poolKeys.count { poolKeys = Scratch(capacity) }
    if interests * queryByteCount > prepared.count {
      prepared.deallocate()
      prepared = .allocate(byteCount: interests * queryByteCount, alignment: 64)
    }
  }

  /// A set of nodes that is empty now: a node is in it when its stamp is the current one, so that emptying costs
  /// nothing but once in 255 times.
  func emptyVisited() -> Visited {
    if stamp == .max {
      stamps.base.update(repeating: 0, count: nodeCount)
      stamp = 0
    }
    stamp += 1
    return Visited(stamps: stamps.base, stamp: stamp)
  }
}

/// The nodes a traversal has seen.
struct Visited {
  let stamps: UnsafeMutablePointer<UInt8>
  let stamp: UInt8

  /// 1 when the node was not in the set; it is from now on.
  @inline(__always)
  func insert(_ node: UInt32) -> Int {
    let isNew = stamps[Int(node)] != stamp
    stamps[Int(node)] = stamp
    return isNew ? 1 : 0
  }
}
