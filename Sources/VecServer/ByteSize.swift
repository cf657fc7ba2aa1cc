package import VecCore

/// Sizes as people write them: `4096`, `512M`, `4G`, `1.5G`. Units are powers of 1024; `iB` and `B` may follow.
package enum ByteSize {
  /// - Throws: `.invalidArgument` when the text is no size or does not fit in 62 bits.
  package static func parse(_ text: String) throws(VecError) -> Int {
    let units: [Character: Double] = ["K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40]
    var digits = text.uppercased()[...]
    for suffix in ["IB", "B"] where digits.hasSuffix(suffix) {
      digits = digits.dropLast(suffix.count)
      break
    }
    var scale = 1.0
    if let last = digits.last, let unit = units[last] {
      scale = unit
      digits = digits.dropLast()
    }
    let isPlain = !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
    guard isPlain, let value = Double(String(digits)), value * scale < 0x1p62 else {
      throw VecError(
        .invalidArgument, "size \(Names.quoted(text)): write bytes or a number with K, M, G or T, like 512M")
    }
    return Int(value * scale)
  }
}
