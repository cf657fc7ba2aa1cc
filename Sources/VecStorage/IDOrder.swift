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

/// Looks ids up in their order, each no less than the one before.
///
/// It looks where an id would be if ids were spread evenly, as those of texts and most others are: a handful of looks, each of
/// which waits for memory twice, instead of one for every halving. Where they are not, places are halved after so many.
struct IDFinder {
  private static let guesses = 8

  private let order: UnsafeBufferPointer<UInt32>
  private let ids: UnsafeBufferPointer<UInt64>
  /// The first place where the next id can be, and the id there.
  private var from = 0
  private var least: UInt64
  private let greatest: UInt64

  /// - Parameters:
  ///   - order: rows in ascending order of their ids. Of a file that was not verified it may be anything: a row beyond the ids is
  ///     never followed.
  ///   - ids: by row.
  /// - Returns: nil when there are none.
  init?(order: UnsafeBufferPointer<UInt32>, ids: UnsafeBufferPointer<UInt64>) {
    guard let first = order.first, let last = order.last, max(first, last) < ids.count else { return nil }
    (self.order, self.ids) = (order, ids)
    (least, greatest) = (ids[Int(first)], ids[Int(last)])
  }

  mutating func row(of id: UInt64) -> Int? {
    guard least <= id, id <= greatest else { return nil }
    // The places left, and what the ids there lie between.
    var (low, high) = (from, order.count)
    var (below, above) = (least, greatest)
    var looks = 0
    while low < high {
      let share = looks < Self.guesses ? Double(id - below) / Double(max(above - below, 1)) : 0.5
      let place = min(low + Int(share * Double(high - low - 1)), high - 1)
      let row = Int(order[place])
      guard row < ids.count else { return nil }
      let found = ids[row]
      if found == id {
        (from, least) = (place, id)
        return row
      }
      if found < id { (low, below) = (place + 1, found) } else { (high, above) = (place, found) }
      looks += 1
    }
    (from, least) = (low, above)
    return nil
  }
}
