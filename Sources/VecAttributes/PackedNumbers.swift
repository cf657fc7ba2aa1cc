import VecCore
import VecKernels

/// Whole numbers of a column in the fewest bytes: what each is more than the least of them, in 0, 1, 2, 4 or 8 bytes. A scan is
/// as fast as memory is read, so it is the bytes that it takes; they are those of the section too (Formats/attributes.md).
struct PackedNumbers: Sendable, Equatable {
  /// The least value; 0 for codes.
  let base: Int64
  let offsets: Offsets

  enum Offsets: Sendable, Equatable {
    /// All are 0.
    case zeros(count: Int)
    case bytes([UInt8])
    case shorts([UInt16])
    case words([UInt32])
    case longs([UInt64])
  }

  init(base: Int64, offsets: Offsets) {
    self.base = base
    self.offsets = offsets
  }

  /// - Parameter presence: rows that count; the others are 0 more than the least.
  init(_ values: [Int64], presence: Bitmap?) {
    let there = presence.map { presence in values.indices.lazy.filter { presence[$0] }.map { values[$0] } }
    let base = (there.map { $0.min() } ?? values.min()) ?? 0
    // Wraps around where the values span more than an Int64; the difference as an unsigned number is right all the same.
    var offsets = values.map { UInt64(bitPattern: $0 &- base) }
    if let presence { for row in offsets.indices where !presence[row] { offsets[row] = 0 } }
    self.init(base: base, offsets: Offsets(offsets))
  }

  init(codes: [UInt32]) { self.init(base: 0, offsets: Offsets(codes.map(UInt64.init))) }

  var count: Int { offsets.count }
  var width: Int { offsets.width }
  /// Of memory.
  var byteCount: Int { width * count }

  subscript(row: Int) -> Int64 { base &+ Int64(bitPattern: offsets[row]) }
}

extension PackedNumbers.Offsets {
  /// In the least width that holds them.
  init(_ numbers: [UInt64]) {
    switch Self.width(of: numbers.max() ?? 0) {
    case 0: self = .zeros(count: numbers.count)
    case 1: self = .bytes(numbers.map { UInt8(truncatingIfNeeded: $0) })
    case 2: self = .shorts(numbers.map { UInt16(truncatingIfNeeded: $0) })
    case 4: self = .words(numbers.map { UInt32(truncatingIfNeeded: $0) })
    default: self = .longs(numbers)
    }
  }

  /// The least width in bytes in which a number fits.
  static func width(of number: UInt64) -> Int {
    switch number {
    case 0: 0
    case ...0xFF: 1
    case ...0xFFFF: 2
    case ...0xFFFF_FFFF: 4
    default: 8
    }
  }

  /// The width of codes 0 ..< count.
  static func width(ofCodes count: Int) -> Int { width(of: UInt64(max(count, 1) - 1)) }

  var width: Int {
    switch self {
    case .zeros: 0
    case .bytes: 1
    case .shorts: 2
    case .words: 4
    case .longs: 8
    }
  }

  var count: Int {
    switch self {
    case .zeros(let count): count
    case .bytes(let numbers): numbers.count
    case .shorts(let numbers): numbers.count
    case .words(let numbers): numbers.count
    case .longs(let numbers): numbers.count
    }
  }

  subscript(row: Int) -> UInt64 {
    switch self {
    case .zeros: 0
    case .bytes(let numbers): UInt64(numbers[row])
    case .shorts(let numbers): UInt64(numbers[row])
    case .words(let numbers): UInt64(numbers[row])
    case .longs(let numbers): numbers[row]
    }
  }

  /// Made anew by every call.
  var array: [UInt64] { (0..<count).map { self[$0] } }

  func write(to writer: inout ByteWriter) {
    switch self {
    case .zeros: break
    case .bytes(let numbers): writer.write(array: numbers)
    case .shorts(let numbers): writer.write(array: numbers)
    case .words(let numbers): writer.write(array: numbers)
    case .longs(let numbers): writer.write(array: numbers)
    }
  }

  /// Which of some rows have an offset in `range`: a bit each. Rows begin at a multiple of 64.
  func match(
    _ range: ClosedRange<UInt64>, rows: Range<Int>, isAdding: Bool, _ kernels: Kernels, out: UnsafeMutablePointer<UInt64>
  ) {
    switch self {
    case .zeros:
      let bits: UInt64 = range.contains(0) ? .max : 0
      for word in 0..<Bitmap.wordCount(rows.count) { out[word] = (isAdding ? out[word] : 0) | bits }
    case .bytes(let numbers): numbers.withUnsafeBytes { Self.match($0, 1, range, rows, isAdding, kernels, out) }
    case .shorts(let numbers): numbers.withUnsafeBytes { Self.match($0, 2, range, rows, isAdding, kernels, out) }
    case .words(let numbers): numbers.withUnsafeBytes { Self.match($0, 4, range, rows, isAdding, kernels, out) }
    case .longs(let numbers): numbers.withUnsafeBytes { Self.match($0, 8, range, rows, isAdding, kernels, out) }
    }
  }

  private static func match(
    _ numbers: UnsafeRawBufferPointer, _ width: Int, _ range: ClosedRange<UInt64>, _ rows: Range<Int>, _ isAdding: Bool,
    _ kernels: Kernels, _ out: UnsafeMutablePointer<UInt64>
  ) {
    let greatest = UInt64.max >> UInt64(64 - 8 * width)
    guard let base = numbers.baseAddress, range.lowerBound <= greatest else {
      if !isAdding { out.update(repeating: 0, count: Bitmap.wordCount(rows.count)) }
      return
    }
    kernels.match(
      base + rows.lowerBound * width, width: width, count: rows.count,
      in: range.lowerBound...min(range.upperBound, greatest), isAdding: isAdding, out: out)
  }
}
