/// Looks ids up in the order that a segment has of them.
///
/// It looks where an id would be if ids were spread evenly, as those of texts and most others are: a handful of looks instead of
/// one for every halving. Where they are not, places are halved after so many. Each look waits for memory twice, so several ids
/// are looked for side by side, that their waits overlap.
struct IDFinder {
  private static let guesses = 8
  private static let laneCount = 16

  /// One id that is looked for.
  private struct Lane {
    let id: UInt64
    /// Where its row goes.
    let slot: Int
    /// The places left, and what the ids there lie between.
    var low: Int
    var high: Int
    var below: UInt64
    var above: UInt64
    /// Where it looks now, and the row there.
    var place = 0
    var row = 0
  }

  private let order: UnsafeBufferPointer<UInt32>
  private let ids: UnsafeBufferPointer<UInt64>
  private let least: UInt64
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

  /// - Parameter rows: as many as `wanted`: the row of each, -1 for an id that is not there.
  func find(_ wanted: UnsafeBufferPointer<UInt64>, rows: UnsafeMutableBufferPointer<Int>) {
    rows.update(repeating: -1)
    withUnsafeTemporaryAllocation(of: Lane.self, capacity: Self.laneCount) { lanes in
      for first in stride(from: 0, to: wanted.count, by: Self.laneCount) {
        let part = first..<min(first + Self.laneCount, wanted.count)
        find(
          UnsafeBufferPointer(rebasing: wanted[part]), lanes, rows: UnsafeMutableBufferPointer(rebasing: rows[part]))
      }
    }
  }

  private func find(
    _ wanted: UnsafeBufferPointer<UInt64>, _ lanes: UnsafeMutableBufferPointer<Lane>,
    rows: UnsafeMutableBufferPointer<Int>
  ) {
    var open = 0
    for (slot, id) in wanted.enumerated() where least <= id && id <= greatest {
      lanes.initializeElement(
        at: open, to: Lane(id: id, slot: slot, low: 0, high: order.count, below: least, above: greatest))
      open += 1
    }
    var looks = 0
    while open > 0 {
      for number in 0..<open { aim(&lanes[number], isGuess: looks < Self.guesses) }
      var left = 0
      for number in 0..<open {
        var lane = lanes[number]
        guard lane.row < ids.count else { continue }
        let found = ids[lane.row]
        if found == lane.id {
          rows[lane.slot] = lane.row
          continue
        }
        if found < lane.id {
          (lane.low, lane.below) = (lane.place + 1, found)
        } else {
          (lane.high, lane.above) = (lane.place, found)
        }
        guard lane.low < lane.high else { continue }
        lanes[left] = lane
        left += 1
      }
      open = left
      looks += 1
    }
  }

  /// Only reads the order, so that the lanes wait for it together.
  private func aim(_ lane: inout Lane, isGuess: Bool) {
    let share = isGuess ? Double(lane.id - lane.below) / Double(max(lane.above - lane.below, 1)) : 0.5
    lane.place = min(lane.low + Int(share * Double(lane.high - lane.low - 1)), lane.high - 1)
    lane.row = Int(order[lane.place])
  }
}
