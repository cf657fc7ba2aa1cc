/// Reads little-endian values from bytes that nobody vouches for: every read is bounds-checked and throws, none traps.
///
/// It borrows the memory, so it must not outlive the closure that handed the pointer out. What a short or wrong input
/// means depends on the format, so the error is the caller's: `code` and `context` say whose bytes these are.
package struct ByteReader {
  private let base: UnsafeRawBufferPointer
  private let code: VecErrorCode
  private let context: String
  package private(set) var offset = 0

  /// - Parameters:
  ///   - code: the error code of input that breaks the format.
  ///   - context: names the input in messages, e.g. `search request`.
  package init(_ bytes: UnsafeRawBufferPointer, code: VecErrorCode, context: String) {
    base = bytes
    self.code = code
    self.context = context
  }

  package var remaining: Int { base.count - offset }

  /// An error of this input, saying where reading stopped.
  package func failure(_ what: String) -> VecError {
    VecError(code, "\(context): \(what) (at byte \(offset) of \(base.count))")
  }

  // Not generic: other modules would call it unspecialised, which costs ten times as much.
  package mutating func read(_ type: UInt8.Type = UInt8.self) throws(VecError) -> UInt8 { try number() }
  package mutating func read(_ type: UInt16.Type = UInt16.self) throws(VecError) -> UInt16 { try number() }
  package mutating func read(_ type: UInt32.Type = UInt32.self) throws(VecError) -> UInt32 { try number() }
  package mutating func read(_ type: UInt64.Type = UInt64.self) throws(VecError) -> UInt64 { try number() }
  package mutating func read(_ type: Int64.Type = Int64.self) throws(VecError) -> Int64 { try number() }

  private mutating func number<T: FixedWidthInteger>() throws(VecError) -> T {
    let width = T.bitWidth / 8
    guard remaining >= width else { throw failure("ends early, \(width) more bytes are needed") }
    let value = base.loadUnaligned(fromByteOffset: offset, as: T.self)
    offset += width
    return T(littleEndian: value)
  }

  package mutating func readFloat() throws(VecError) -> Float { Float(bitPattern: try read(UInt32.self)) }

  package mutating func readBool() throws(VecError) -> Bool {
    let value = try read(UInt8.self)
    guard value <= 1 else { throw failure("a flag is \(value), must be 0 or 1") }
    return value == 1
  }

  /// The next `count` bytes, still borrowed.
  package mutating func readBytes(_ count: Int) throws(VecError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else { throw failure("ends early, \(count) more bytes are needed") }
    let slice = UnsafeRawBufferPointer(rebasing: base[offset..<(offset + count)])
    offset += count
    return slice
  }

  /// `count` values copied out; the length is checked before anything is allocated.
  package mutating func readArray<T: BitwiseCopyable>(_ type: T.Type, count: Int) throws(VecError) -> [T] {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow, byteCount >= 0, byteCount <= remaining else {
      throw failure("ends early, \(count) values of \(MemoryLayout<T>.stride) bytes are needed")
    }
    let source = UnsafeRawBufferPointer(rebasing: base[offset..<(offset + byteCount)])
    offset += byteCount
    return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      initialized = count
    }
  }

  /// A `str`: u16 length and UTF-8.
  package mutating func readString() throws(VecError) -> String { try readUTF8(Int(try read(UInt16.self))) }

  /// A `text`: u32 length and UTF-8.
  package mutating func readText() throws(VecError) -> String { try readUTF8(Int(try read(UInt32.self))) }

  /// `readText`, with the empty text as nil.
  package mutating func readOptionalText() throws(VecError) -> String? {
    let text = try readText()
    return text.isEmpty ? nil : text
  }

  /// Demands that nothing is left over.
  package func finish() throws(VecError) {
    guard remaining == 0 else { throw failure("\(remaining) bytes are left over") }
  }

  private mutating func readUTF8(_ count: Int) throws(VecError) -> String {
    guard let string = String(validating: try readBytes(count), as: UTF8.self) else {
      throw failure("text is not valid UTF-8")
    }
    return string
  }
}
