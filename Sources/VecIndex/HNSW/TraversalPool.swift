import Glibc

/// The candidates of one traversal, best first, in one sorted array of at most `capacity` keys.
///
/// A key is the score and the node in one integer, so that comparing keys compares (score, node): the better score, then
/// the lower node, is the lesser key. Its lowest bit says that the node's neighbours have been looked at. New candidates
/// come in a batch per expansion and are merged from the back, so every key moves at most once per batch.
struct TraversalPool {
  /// Nodes are 31 bits wide, because the flag takes one.
  static let nodesMax = 1 << 31

  /// Up to so many keys insertion sorts fastest.
  static let insertionMax = 96

  private(set) var keys: UnsafeMutablePointer<UInt64>
  private(set) var count = 0
  /// Before it all are expanded.
  private var cursor = 0
  private(set) var capacity = 0

  /// `keys` has room for `capacity`.
  init(_ keys: UnsafeMutablePointer<UInt64>, capacity: Int) {
    self.keys = keys
    self.capacity = capacity
  }

  @inline(__always)
  static func key(_ score: Float, _ node: UInt32) -> UInt64 {
    let bits = score.bitPattern
    let ascending = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
    return UInt64(~ascending) << 32 | UInt64(node) << 1
  }

  @inline(__always)
  static func node(_ key: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: key) >> 1 }

  static func score(_ key: UInt64) -> Float {
    let ascending = ~UInt32(truncatingIfNeeded: key >> 32)
    return Float(bitPattern: ascending & 0x8000_0000 != 0 ? ascending & 0x7FFF_FFFF : ~ascending)
  }

  /// A key that is not below this one cannot enter.
  @inline(__always)
  var bound: UInt64 { count < capacity ? .max : keys[count - 1] }

  /// The best node not expanded yet, which then counts as expanded.
  @inline(__always)
  mutating func next() -> UInt32? {
    while cursor < count {
      let key = keys[cursor]
      if key & 1 == 0 {
        keys[cursor] = key | 1
        cursor += 1
        return Self.node(key)
      }
      cursor += 1
    }
    return nil
  }

  /// Merges keys of nodes that were never in the pool; what does not fit falls off the end.
  @inline(__always)
  mutating func merge(_ fresh: UnsafeMutablePointer<UInt64>, _ freshCount: Int) {
    guard freshCount > 0 else { return }
    if freshCount <= Self.insertionMax {
      Self.sort(fresh, freshCount)
    } else {
      var all = UnsafeMutableBufferPointer(start: fresh, count: freshCount)
      all.sort()
    }
    var left = count
    var right = freshCount
    while left + right > capacity {
      if left == 0 || (right > 0 && fresh[right - 1] > keys[left - 1]) { right -= 1 } else { left -= 1 }
    }
    count = left + right
    while right > 0 {
      let key = fresh[right - 1]
      let place = Self.upperBound(keys, left, key)
      memmove(keys + place + right, keys + place, (left - place) * 8)
      right -= 1
      keys[place + right] = key
      left = place
    }
    cursor = min(cursor, left)
  }

  /// Places of keys below `key`.
  @inline(__always)
  private static func upperBound(_ keys: UnsafeMutablePointer<UInt64>, _ count: Int, _ key: UInt64) -> Int {
    guard count > 0 else { return 0 }
    var first = keys
    var length = count
    while length > 1 {
      let half = length >> 1
      first += first[half &- 1] < key ? half : 0
      length &-= half
    }
    return (first - keys) &+ (first.pointee < key ? 1 : 0)
  }

  /// By insertion: batches are a few keys long.
  @inline(__always)
  static func sort(_ keys: UnsafeMutablePointer<UInt64>, _ count: Int) {
    for end in 1..<max(1, count) {
      let key = keys[end]
      var at = end
      while at > 0, keys[at - 1] > key {
        keys[at] = keys[at - 1]
        at -= 1
      }
      keys[at] = key
    }
  }
}
