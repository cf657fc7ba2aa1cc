package import VecCore

/// The raw content of an ids section: differences, zigzag, LEB128 varints in their shortest form.
package enum IDCodec {
  /// Writes ids piece by piece.
  package struct Encoder {
    private var previous: UInt64 = 0

    package init() {}

    package mutating func encode(_ ids: some Sequence<UInt64>, into out: inout [UInt8]) {
      for id in ids {
        let difference = id &- previous
        previous = id
        var zigzag = (difference << 1) ^ (difference >> 63 == 1 ? UInt64.max : 0)
        while zigzag >= 0x80 {
          out.append(UInt8(truncatingIfNeeded: zigzag) | 0x80)
          zigzag >>= 7
        }
        out.append(UInt8(truncatingIfNeeded: zigzag))
      }
    }
  }

  /// Reads what `Encoder` wrote, in pieces that may end within a varint.
  package struct Decoder {
    private let context: String
    private let count: Int
    private var previous: UInt64 = 0
    private var value: UInt64 = 0
    private var shift: UInt64 = 0
    package private(set) var ids: [UInt64] = []

    /// - Parameters:
    ///   - count: the ids that must come; the caller has bounded it.
    ///   - context: names the input in errors.
    package init(count: Int, context: String) {
      self.count = count
      self.context = context
      ids.reserveCapacity(count)
    }

    package mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(VecError) {
      for byte in bytes {
        // The tenth byte holds the last bit of 64.
        guard shift < 63 || byte <= 1 else { throw failure("is longer than 64 bits") }
        guard shift == 0 || byte != 0 else { throw failure("is not in its shortest form") }
        value |= UInt64(byte & 0x7F) << shift
        if byte >= 0x80 {
          shift += 7
          continue
        }
        guard ids.count < count else { throw failure("is one more than the header's row count") }
        previous &+= (value >> 1) ^ (value & 1 == 1 ? UInt64.max : 0)
        ids.append(previous)
        (value, shift) = (0, 0)
      }
    }

    /// Demands that all ids have come and nothing is left half read.
    package func finish() throws(VecError) {
      guard shift == 0 else { throw failure("ends early") }
      guard ids.count == count else { throw failure("is missing, the header's row count is \(count)") }
    }

    private func failure(_ what: String) -> VecError {
      VecError(.segmentDamaged, "\(context): the id of row \(ids.count) \(what)")
    }
  }

  package static func encode(_ ids: [UInt64]) -> [UInt8] {
    var out: [UInt8] = []
    var encoder = Encoder()
    encoder.encode(ids, into: &out)
    return out
  }

  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, context: String = "ids"
  ) throws(VecError) -> [UInt64] {
    // Each id takes a byte at least, so a count beyond the input is wrong before anything is reserved for it.
    guard count >= 0, count <= bytes.count else {
      throw VecError(.segmentDamaged, "\(context): \(bytes.count) bytes cannot hold \(count) ids")
    }
    var decoder = Decoder(count: count, context: context)
    try decoder.decode(bytes)
    try decoder.finish()
    return decoder.ids
  }
}
