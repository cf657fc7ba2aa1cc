/// The k-th largest of many floats by their bits: counts them in cells of equal width between the least and the greatest,
/// and goes on with those of one cell. A few rounds, whatever the values: each leaves one cell of the range, and there are
/// more cells than values up to 2048. A quickselect would be quadratic on the wrong data.
enum Rank {
  private static let cellBitsMin: UInt32 = 4
  private static let cellBitsMax: UInt32 = 11

  /// - Parameters:
  ///   - values: not empty; NaN ranks by its bits and breaks nothing.
  ///   - k: 1 to `values.count`.
  static func largest(_ k: Int, of values: UnsafeBufferPointer<Float>) -> Float {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: values.count) { keys in
      guard let base = keys.baseAddress else { return 0 }
      for index in 0..<values.count { base[index] = key(values[index]) }
      return value(largest(k, base, values.count))
    }
  }

  /// The k-th largest of `count` keys, which change places.
  private static func largest(_ k: Int, _ keys: UnsafeMutablePointer<UInt32>, _ count: Int) -> UInt32 {
    var (wanted, left) = (k, count)
    while true {
      var (least, greatest) = (UInt32.max, UInt32.min)
      for index in 0..<left {
        least = min(least, keys[index])
        greatest = max(greatest, keys[index])
      }
      guard least < greatest else { return least }
      let bits = 32 - UInt32((greatest - least).leadingZeroBitCount)
      let width = max(cellBitsMin, min(cellBitsMax, UInt32(Int.bitWidth - left.leadingZeroBitCount)))
      let shift = bits > width ? bits - width : 0
      let cell = cell(of: &wanted, among: 1 << Int(width), keys, left, least, shift)
      guard shift > 0 else { return least + cell }
      var kept = 0
      for index in 0..<left {
        let key = keys[index]
        keys[kept] = key
        kept &+= (key - least) >> shift == cell ? 1 : 0
      }
      left = kept
    }
  }

  /// The cell that holds the wanted rank, which becomes the rank within it.
  private static func cell(
    of wanted: inout Int, among cells: Int, _ keys: UnsafeMutablePointer<UInt32>, _ count: Int, _ least: UInt32,
    _ shift: UInt32
  ) -> UInt32 {
    var rank = wanted
    let found = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: cells) { counts in
      counts.initialize(repeating: 0)
      for index in 0..<count { counts[Int((keys[index] - least) >> shift)] &+= 1 }
      var cell = counts.count - 1
      while cell > 0, Int(counts[cell]) < rank {
        rank -= Int(counts[cell])
        cell -= 1
      }
      return UInt32(cell)
    }
    wanted = rank
    return found
  }

  // Unsigned keys in the order of the floats: negative ones reversed, positive ones above them.
  @inline(__always)
  static func key(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits ^ (UInt32(bitPattern: Int32(bitPattern: bits) >> 31) | 0x8000_0000)
  }

  private static func value(_ key: UInt32) -> Float {
    Float(bitPattern: key & 0x8000_0000 != 0 ? key & 0x7FFF_FFFF : ~key)
  }
}
