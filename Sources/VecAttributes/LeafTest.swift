import VecCore
import VecKernels

/// A test bound to a column: what it does to a run of rows. Rows without value get some bit, which the caller masks.
enum LeafTest {
  case always
  case never
  /// The offset is in one of the ranges, of which there are few.
  case ranges(PackedNumbers.Offsets, [ClosedRange<UInt64>])
  /// The offset is one of these, which ascend.
  case numbers(PackedNumbers.Offsets, [UInt64])
  /// The offset is a code of the set.
  case codes(PackedNumbers.Offsets, CodeSet)
  /// The number is in one of the ranges, of which there are few.
  case floatRanges([Double], [ClosedRange<Double>])
  case floats([Double], [Double])
  case bools(Bitmap)
  /// At least so many codes of the row are in the set.
  case counted(starts: [UInt32], codes: [UInt32], CodeSet, least: Int)

  /// A bit per code of a dictionary.
  struct CodeSet {
    private(set) var words: [UInt64]
    private(set) var count = 0

    init(_ keywords: [Keyword], _ dictionary: KeywordDictionary) {
      words = [UInt64](repeating: 0, count: (dictionary.count + 63) >> 6)
      for keyword in keywords {
        guard let code = dictionary.code(of: keyword) else { continue }
        words[code >> 6] |= 1 << UInt64(code & 63)
        count += 1
      }
    }
  }

  /// A scan for each of so many values costs less than to look each row's value up among them.
  private static let rangesMax = 16

  init(_ test: CompiledFilter.Test, _ values: AttributeColumns.Values) {
    switch (test, values) {
    case (.present, _): self = .always
    case (.ints(let range), .ints(let values)):
      self = values.offsets(of: range).map { .ranges(values.offsets, [$0]) } ?? .never
    case (.intSet(let set), .ints(let values)):
      let offsets = set.compactMap { values.offsets(of: ExactRange(least: $0, greatest: $0))?.lowerBound }
      self = Self.oneOf(offsets, values.offsets) ?? .numbers(values.offsets, offsets)
    case (.floats(let range), .floats(let values)):
      self = range.least > range.greatest ? .never : .floatRanges(values, [range.least...range.greatest])
    case (.floatSet(let set), .floats(let values)):
      self = set.isEmpty ? .never : set.count <= Self.rangesMax ? .floatRanges(values, set.map { $0...$0 }) : .floats(values, set)
    case (.bool(let acceptsFalse, let acceptsTrue), .bools(let values)):
      self = acceptsFalse ? (acceptsTrue ? .always : .bools(values.inverted)) : (acceptsTrue ? .bools(values) : .never)
    case (.keywords(let range), .keyword(let codes, let dictionary)):
      let range = dictionary.codes(of: range)
      self = range.isEmpty ? .never : .ranges(codes.offsets, [UInt64(range.lowerBound)...UInt64(range.upperBound - 1)])
    case (.keywordSet(let keywords), .keyword(let codes, let dictionary)):
      let set = keywords.compactMap { dictionary.code(of: $0).map { UInt64($0) } }
      self = Self.oneOf(set, codes.offsets) ?? .codes(codes.offsets, CodeSet(keywords, dictionary))
    case (.hasAny(let keywords), .keywords(let starts, let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.count == 0 ? .never : .counted(starts: starts, codes: codes, set, least: 1)
    case (.hasAll(let keywords), .keywords(let starts, let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.count < keywords.count ? .never : .counted(starts: starts, codes: codes, set, least: keywords.count)
    default: self = .never
    }
  }

  /// Ascending values as ranges, neighbours as one; nil when there are too many.
  private static func oneOf(_ set: [UInt64], _ offsets: PackedNumbers.Offsets) -> LeafTest? {
    guard !set.isEmpty else { return .never }
    var ranges: [ClosedRange<UInt64>] = []
    for value in set {
      if let last = ranges.last, last.upperBound &+ 1 == value {
        ranges[ranges.count - 1] = last.lowerBound...value
      } else if ranges.count < rangesMax {
        ranges.append(value...value)
      } else {
        return nil
      }
    }
    return .ranges(offsets, ranges)
  }

  /// Writes the words of a run; pointers are taken here, once for up to 4096 rows.
  func evaluate(_ run: Range<Int>, rowCount: Int, _ kernels: Kernels, into out: UnsafeMutablePointer<UInt64>) {
    let rows = run.lowerBound << 6..<min(run.upperBound << 6, rowCount)
    switch self {
    case .always: out.update(repeating: .max, count: run.count)
    case .never: out.update(repeating: 0, count: run.count)
    case .ranges(let offsets, let ranges):
      for (place, range) in ranges.enumerated() {
        offsets.match(range, rows: rows, isAdding: place > 0, kernels, out: out)
      }
    case .floatRanges(let values, let ranges):
      values.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        for (place, range) in ranges.enumerated() {
          kernels.match(
            base + rows.lowerBound, count: rows.count, least: range.lowerBound, greatest: range.upperBound,
            isAdding: place > 0, out: out)
        }
      }
    case .numbers(let offsets, let set):
      set.withUnsafeBufferPointer { set in Self.scan(offsets, rows, into: out) { set.holdsAscending($0) ? 1 : 0 } }
    case .floats(let values, let set):
      set.withUnsafeBufferPointer { set in
        values.withUnsafeBufferPointer { values in Self.scan(rows, into: out) { set.holdsAscending(values[$0]) ? 1 : 0 } }
      }
    case .codes(let offsets, let set):
      set.words.withUnsafeBufferPointer { words in
        Self.scan(offsets, rows, into: out) { words[Int($0 >> 6)] >> ($0 & 63) & 1 }
      }
    case .bools(let bits): for (at, word) in run.enumerated() { out[at] = bits.words[word] }
    case .counted(let starts, let codes, let set, let least):
      out.update(repeating: 0, count: run.count)
      set.words.withUnsafeBufferPointer { words in
        codes.withUnsafeBufferPointer { codes in
          starts.withUnsafeBufferPointer { starts in
            Self.count(words, codes, starts, rows, least) { row in
              out[(row &- rows.lowerBound) >> 6] |= 1 &<< UInt64(row & 63)
            }
          }
        }
      }
    }
  }

  /// Goes through the codes of all rows at once and asks whose a code is only when it is in the set: that is rare, and rows of
  /// few codes each would cost a mispredicted branch a row.
  @inline(__always)
  private static func count(
    _ set: UnsafeBufferPointer<UInt64>, _ codes: UnsafeBufferPointer<UInt32>, _ starts: UnsafeBufferPointer<UInt32>,
    _ rows: Range<Int>, _ least: Int, _ found: (Int) -> Void
  ) {
    var row = rows.lowerBound
    var counted = -1
    var count = 0
    for at in Int(starts[rows.lowerBound])..<Int(starts[rows.upperBound]) {
      let code = codes[at]
      guard set[Int(code >> 6)] >> UInt64(code & 63) & 1 == 1 else { continue }
      while starts[row &+ 1] <= UInt32(truncatingIfNeeded: at) { row &+= 1 }
      count = row == counted ? count &+ 1 : 1
      counted = row
      if count == least { found(row) }
    }
  }

  @inline(__always)
  private static func scan(
    _ offsets: PackedNumbers.Offsets, _ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ test: (UInt64) -> UInt64
  ) {
    switch offsets {
    case .zeros: scan(rows, into: out) { _ in test(0) }
    case .bytes(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(rows, into: out) { test(UInt64(numbers[$0])) } }
    case .shorts(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(rows, into: out) { test(UInt64(numbers[$0])) } }
    case .words(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(rows, into: out) { test(UInt64(numbers[$0])) } }
    case .longs(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(rows, into: out) { test(numbers[$0]) } }
    }
  }

  /// `rows` begin at a multiple of 64; the test gives 0 or 1, best without a branch.
  @inline(__always)
  private static func scan(_ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ test: (Int) -> UInt64) {
    let whole = rows.count >> 6
    for word in 0..<whole {
      let first = rows.lowerBound &+ word << 6
      var bits = 0 as UInt64
      for bit in 0..<64 { bits |= test(first &+ bit) &<< UInt64(bit) }
      out[word] = bits
    }
    guard whole << 6 < rows.count else { return }
    var bits = 0 as UInt64
    for bit in 0..<(rows.count - whole << 6) { bits |= test(rows.lowerBound + whole << 6 + bit) &<< UInt64(bit) }
    out[whole] = bits
  }
}

extension Bitmap {
  /// Bits past the last row are set too; callers mask them.
  fileprivate var inverted: Bitmap { Bitmap(words: words.map { ~$0 }, rowCount: rowCount) }
}

extension PackedNumbers {
  /// The offsets of the values in a range; nil when no value can be in it.
  fileprivate func offsets(of range: ExactRange<Int64>) -> ClosedRange<UInt64>? {
    guard range.least <= range.greatest, range.greatest >= base else { return nil }
    return UInt64(bitPattern: max(range.least, base) &- base)...UInt64(bitPattern: range.greatest &- base)
  }
}
