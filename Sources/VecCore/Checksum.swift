import CVecShims

/// CRC32C (Castagnoli), by the CPU's instruction where it has one.
package struct CRC32C {
  private var state: UInt32 = 0

  package init() {}

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state = vs_crc32c(state, bytes.baseAddress, bytes.count)
  }

  package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  package mutating func update(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { update($0) } }

  package var value: UInt32 { state }

  /// The checksum of one run of bytes.
  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }
}
