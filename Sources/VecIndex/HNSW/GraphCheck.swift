import VecCore

/// What must hold between the numbers of a decoded graph.
struct GraphCheck {
  let rowCount: Int
  let reader: GraphReader

  /// Per row whether it is a node, which it is unless it is another row's twin.
  func nodes(_ twins: TwinRows) throws(VecError) -> [Bool] {
    var isNode = [Bool](repeating: true, count: rowCount)
    for member in twins.members {
      guard member < rowCount, isNode[Int(member)] else {
        throw reader.failure("twin \(member) is no row of \(rowCount), or is named twice")
      }
      isNode[Int(member)] = false
    }
    var last = -1
    for representative in twins.representatives {
      guard Int(representative) > last, representative < rowCount, isNode[Int(representative)] else {
        throw reader.failure("row \(representative) cannot stand for twins: not ascending, no row, or a twin itself")
      }
      last = Int(representative)
    }
    guard twins.offsets.first == 0, twins.offsets.last.map(Int.init) == twins.members.count,
      zip(twins.offsets, twins.offsets.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw reader.failure("offsets of twins do not ascend from 0 to \(twins.members.count)") }
    return isNode
  }

  func upperRows(_ rows: HotArray<UInt32>, _ isNode: [Bool]) throws(VecError) {
    var isSeen = [Bool](repeating: false, count: rowCount)
    for row in rows.values {
      guard row < rowCount, isNode[Int(row)], !isSeen[Int(row)] else {
        throw reader.failure("upper node \(row) is no node of \(rowCount) rows, or is named twice")
      }
      isSeen[Int(row)] = true
    }
  }

  /// Every list holds neighbours that are allowed, then nothing to its end.
  func lists(
    _ lists: HotArray<UInt32>, stride: Int, _ name: String, _ isAllowed: (Int) -> Bool
  ) throws(VecError) {
    let limit = name == "level 0" ? rowCount : lists.count / stride
    for node in 0..<(lists.count / stride) {
      let list = lists.base + node * stride
      var degree = 0
      while degree < stride, list[degree] != Adjacency.none {
        guard list[degree] < limit, Int(list[degree]) != node, isAllowed(Int(list[degree])) else {
          throw reader.failure("\(name): neighbour \(list[degree]) of node \(node) is no other node")
        }
        degree += 1
      }
      for slot in degree..<stride where list[slot] != Adjacency.none {
        throw reader.failure("\(name): the list of node \(node) goes on after its end")
      }
    }
  }
}
