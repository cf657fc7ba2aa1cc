/// The k-th largest of many floats by their bits: four counting passes of eight bits, whatever the values. A
/// quickselect would be faster on average and quadratic on the wrong data.
enum Rank {
  /// - Parameters:
  ///   - values: not empty; NaN ranks by its bits and breaks nothing.
  ///   - k: 1 to `values.count`.
  static func largest(_ k: Int, of values: UnsafeBufferPointer<Float>) -> Float {
    var wanted = k
    var prefix: UInt32 = 0
    var mask: UInt32 = 0
    for shift in [24, 16, 8, 0] as [UInt32] {
      let digit = withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { counts -> UInt32 in
        counts.initialize(repeating: 0)
        for value in values {
          let key = key(value)
          if key & mask == prefix { counts[Int((key >> shift) & 0xFF)] &+= 1 }
        }
        var digit = 255
        while digit > 0, counts[digit] < wanted {
          wanted -= counts[digit]
          digit -= 1
        }
        return UInt32(digit)
      }
      prefix |= digit << shift
      mask |= 0xFF << shift
    }
    return value(prefix)
  }

  // Unsigned keys in the order of the floats: negative ones reversed, positive ones above them.
  static func key(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
  }

  private static func value(_ key: UInt32) -> Float {
    Float(bitPattern: key & 0x8000_0000 != 0 ? key & 0x7FFF_FFFF : ~key)
  }
}
