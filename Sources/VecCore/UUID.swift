/// 16 bytes that name a segment. Where they come from (random, or a seed in tests) is the caller's affair.
package struct UUID: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  /// Nil unless there are exactly 16 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  package init(high: UInt64, low: UInt64) {
    var writer = ByteWriter(reserving: 16)
    writer.write(high)
    writer.write(low)
    bytes = writer.bytes
  }

  /// Reads the form that `description` writes: 32 lower-case hexadecimal digits.
  package init?(hex: String) {
    let digits = Array(hex.utf8)
    guard digits.count == 32 else { return nil }
    var out: [UInt8] = []
    for position in stride(from: 0, to: 32, by: 2) {
      guard let high = Self.nibble(digits[position]), let low = Self.nibble(digits[position + 1]) else { return nil }
      out.append(high << 4 | low)
    }
    bytes = out
  }

  package var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  private static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
