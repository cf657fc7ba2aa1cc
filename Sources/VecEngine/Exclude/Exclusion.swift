import VecCore

/// Ids that no result of a query may have, found among the rows of a generation.
///
/// Exclusion is by row, before the search: the k results are the best k of all other rows, however many of the best are
/// excluded. What that costs grows with the ids, not with the rows, but for the rows of the delta.
struct Exclusion {
  private static let bitCount = 1 << 16
  /// Ascending.
  let ids: [UInt64]
  /// A bit per hash of an id, so that most rows of a delta are told apart by one look.
  private let bits: [UInt64]

  init(_ set: IDSet) {
    ids = set.ids
    var bits = [UInt64](repeating: 0, count: Self.bitCount / 64)
    for id in set.ids {
      let bit = Self.bit(id)
      bits[bit >> 6] |= 1 << UInt64(bit & 63)
    }
    self.bits = bits
  }

  /// The rows of a segment that count and are excluded.
  func rows(of segment: SegmentHandle, live: LiveRows?) -> [Int] {
    segment.rows(of: ids).filter { $0 >= 0 && live?.contains($0) ?? true }
  }

  /// The same of a part of a delta.
  func rows(of part: DeltaPart) -> [Int] {
    bits.withUnsafeBufferPointer { bits in
      (0..<part.rowCount).filter { row in
        let id = part.block.id(row)
        let bit = Self.bit(id)
        return bits[bit >> 6] >> UInt64(bit & 63) & 1 == 1 && part.isLive(row) && contains(id)
      }
    }
  }

  func contains(_ id: UInt64) -> Bool {
    let bit = Self.bit(id)
    guard bits[bit >> 6] >> UInt64(bit & 63) & 1 == 1 else { return false }
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id
  }

  @inline(__always)
  private static func bit(_ id: UInt64) -> Int { Int((id &* 0x9E37_79B9_7F4A_7C15) >> 48) }
}
