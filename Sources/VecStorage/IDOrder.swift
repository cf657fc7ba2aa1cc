internal import VecCore

/// The rows of a segment in ascending order of their ids.
enum IDOrder {
  private struct Pair {
    var id: UInt64
    var row: UInt32
  }

  /// - Throws: `duplicate-id` naming the least id that occurs twice and two of its rows.
  static func rows(of ids: [UInt64]) throws(VecError) -> [UInt32] {
    let ascend = zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
    if ascend { return (0..<UInt32(ids.count)).map { $0 } }
    var pairs = ids.indices.map { Pair(id: ids[$0], row: UInt32($0)) }
    pairs.sort { ($0.id, $0.row) < ($1.id, $1.row) }
    for place in 1..<pairs.count where pairs[place - 1].id == pairs[place].id {
      throw VecError(
        .duplicateId,
        "id \(pairs[place].id) stands in row \(pairs[place - 1].row) and in row \(pairs[place].row); "
          + "every id must be there once")
    }
    return pairs.map(\.row)
  }
}
