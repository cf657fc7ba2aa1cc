import VecCore

/// What decides a graph, besides its rows. Equal parameters and rows give equal bytes, whatever the number of threads.
package struct HNSWParameters: Sendable, Equatable {
  /// M: slots of an upper list; level 0 has twice as many. 4 to 64.
  package var links: Int
  /// Candidates that a row's neighbours are chosen from. `links` to 4096.
  package var efConstruction: Int
  /// A candidate is left out when a chosen neighbour is nearer to it by this factor: 1 gives the sparsest lists. 1 to 2.
  package var alpha: Float
  package var seed: UInt64
  /// Share of a level-0 list that goes to rows that answer the same queries, where queries are given. 0 to 0.75.
  package var queryShare: Float
  /// How much edges prefer long rows under the inner product, 0 to 1: the share of |x|^2 that is taken off a distance.
  package var normWeight: Float = 0.75

  package init(
    links: Int = 16, efConstruction: Int = 128, alpha: Float = 1.1, seed: UInt64 = 1, queryShare: Float = 0.25
  ) {
    self.links = links
    self.efConstruction = efConstruction
    self.alpha = alpha
    self.seed = seed
    self.queryShare = queryShare
  }

  var stride: Int { 2 * links }
  /// Slots while the graph is built: a full list is pruned once per `links` new edges, not at each.
  var workingStride: Int { 3 * links }
  /// Memory of a build per row: working and final lists, upper levels, order, hashes, back links, and a side entry.
  package var buildBytesPerRow: Int { 4 * workingStride + 4 * stride + 8 + 64 }
  var querySlots: Int { Int(Float(stride) * queryShare) }

  func check() throws(VecError) {
    guard (4...64).contains(links) else {
      throw VecError(.invalidArgument, "hnsw: \(links) links per row, must be 4 to 64")
    }
    guard (links...4_096).contains(efConstruction) else {
      throw VecError(.invalidArgument, "hnsw: efConstruction \(efConstruction), must be \(links) (the links) to 4096")
    }
    guard alpha >= 1, alpha <= 2 else { throw VecError(.invalidArgument, "hnsw: alpha \(alpha), must be 1 to 2") }
    guard queryShare >= 0, queryShare <= 0.75 else {
      throw VecError(.invalidArgument, "hnsw: query share \(queryShare), must be 0 to 0.75")
    }
  }
}

/// What a build found out.
package struct HNSWReport: Sendable, Equatable {
  /// Rows that are nodes; the others equal one of them.
  package var nodeCount = 0
  package var twinCount = 0
  /// Share of the nodes that the entry point reached before links were added for the rest.
  package var reachableShare = 1.0
  /// Nodes of level 0 by the length of their list: entry i counts those with i neighbours.
  package var degrees: [Int] = []
  /// Rows that got links from queries, and how many queries there were.
  package var queryLinkedRows = 0
  package var queryCount = 0

  package var meanDegree: Double {
    let total = degrees.enumerated().reduce(0) { $0 + $1.offset * $1.element }
    return Double(total) / Double(max(1, nodeCount))
  }
}
