/// Appends little-endian values to a byte array: the one way in which formats and frames are written.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []

  package init(reserving byteCount: Int = 0) {
    bytes.reserveCapacity(byteCount)
  }

  package mutating func write<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func write(_ value: Float) { write(value.bitPattern) }

  package mutating func write(_ value: Bool) { write(value ? 1 as UInt8 : 0) }

  package mutating func write(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  package mutating func write(bytes more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

  /// The values' memory as it is. Every platform vecd runs on is little-endian; `ByteReader` relies on the same.
  package mutating func write<T: BitwiseCopyable>(array: [T]) {
    array.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  /// A `str`: u16 length and UTF-8. Longer text is cut at a character boundary: only messages can be that long.
  package mutating func write(string: String) {
    var text = Substring(string)
    while text.utf8.count > Int(UInt16.max) { text = text.dropLast(max(1, (text.utf8.count - 65_535) / 4)) }
    write(UInt16(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// A `text`: u32 length and UTF-8.
  package mutating func write(text: String) {
    write(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// Replaces a value written before, e.g. a length that was not known then. `offset` must be that of a written value.
  package mutating func overwrite<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset + T.bitWidth / 8 <= bytes.count, "only written bytes can be replaced")
    withUnsafeBytes(of: value.littleEndian) { source in
      for position in 0..<source.count { bytes[offset + position] = source[position] }
    }
  }
}
