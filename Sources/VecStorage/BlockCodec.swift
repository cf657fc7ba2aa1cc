internal import CLZ4
internal import VecCore

/// LZ4 blocks of at most `Limits.blockBytes` raw bytes.
enum BlockCodec {
  /// Room for the worst block.
  static let packedBytesMax = Limits.blockBytes + Limits.blockBytes / 255 + 16

  /// Whether packing saves a tenth; if not, the block is stored as it is.
  static func isWorthwhile(_ packed: Int, of raw: Int) -> Bool { packed * 10 <= raw * 9 }

  /// The packed bytes in `scratch`, or nil when the block is to be stored as it is.
  ///
  /// - Parameter scratch: at least `packedBytesMax` bytes.
  static func pack(_ raw: UnsafeRawBufferPointer, _ scratch: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
    let count = LZ4_compress_default(
      raw.baseAddress?.assumingMemoryBound(to: CChar.self), scratch.baseAddress?.assumingMemoryBound(to: CChar.self),
      Int32(raw.count), Int32(scratch.count))
    guard count > 0, isWorthwhile(Int(count), of: raw.count) else { return nil }
    return UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)])
  }

  /// Whether `packed` unpacks to exactly the bytes of `raw`. Its checksum has been compared before.
  static func unpack(_ packed: UnsafeRawBufferPointer, into raw: UnsafeMutableRawBufferPointer) -> Bool {
    let count = LZ4_decompress_safe(
      packed.baseAddress?.assumingMemoryBound(to: CChar.self), raw.baseAddress?.assumingMemoryBound(to: CChar.self),
      Int32(packed.count), Int32(raw.count))
    return count == Int32(raw.count)
  }
}

extension SegmentWriter {
  /// The version of liblz4 in use, e.g. 10904. Equal input gives equal bytes only with an equal version.
  package static var packerVersion: Int { Int(LZ4_versionNumber()) }
}
