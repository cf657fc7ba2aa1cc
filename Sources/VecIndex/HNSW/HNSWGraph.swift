/// A finished graph over the rows of one segment. Only read, by any number of threads.
///
/// Level 0 holds every row but repeated ones. The levels above hold fewer and fewer of them and lead a search to the
/// right neighbourhood: level l holds the first `layerCounts[l - 1]` entries of `upperRows`, and its lists hold places in
/// `upperRows`, so one node has the same number on all upper levels. The entry point is the first of them.
package struct HNSWGraph: Sendable {
  package let rowCount: Int
  /// Slots of a neighbour list of level 0.
  package let stride: Int
  /// Slots of a neighbour list of the levels above.
  package let upperStride: Int
  /// Nodes of level 1, 2, ...: falling; at least one level unless there are no rows.
  package let layerCounts: [Int]
  /// What the graph was built with.
  package let parameters: HNSWParameters
  /// Queries whose answers edges were spent on.
  package let queryCount: Int
  let lists: HotArray<UInt32>
  let upperRows: HotArray<UInt32>
  let layers: [HotArray<UInt32>]
  let twins: TwinRows

  init(
    parameters: HNSWParameters, queryCount: Int, lists: HotArray<UInt32>, upperRows: HotArray<UInt32>,
    layers: [HotArray<UInt32>], twins: TwinRows
  ) {
    self.parameters = parameters
    self.queryCount = queryCount
    stride = parameters.stride
    let links = parameters.links
    upperStride = links
    self.lists = lists
    self.upperRows = upperRows
    self.layers = layers
    self.twins = twins
    rowCount = lists.count / stride
    layerCounts = layers.map { $0.count / links }
  }

  var base: Adjacency { Adjacency(lists: lists.base, stride: stride) }

  /// Level `number + 1`.
  func layer(_ number: Int) -> Adjacency { Adjacency(lists: layers[number].base, stride: upperStride) }

  /// Bytes that searches read.
  package var byteCount: Int {
    4 * (lists.count + upperRows.count + layers.reduce(0) { $0 + $1.count } + twins.members.count)
  }
}
