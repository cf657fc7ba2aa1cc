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
    /// Ascending, none twice.
    private(set) var codes: [Int] = []

    /// - Parameter keywords: ascending, none twice; those that the dictionary lacks are left out.
    init(_ keywords: [Keyword], _ dictionary: KeywordDictionary) {
      words = [UInt64](repeating: 0, count: (dictionary.count + 63) >> 6)
      for keyword in keywords {
        guard let code = dictionary.code(of: keyword) else { continue }
        words[code >> 6] |= 1 << UInt64(code & 63)
        codes.append(code)
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
      self = set.codes.isEmpty ? .never : .counted(starts: starts, codes: codes, set, least: 1)
    case (.hasAll(let keywords), .keywords(let starts, let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.codes.count < keywords.count ? .never : .counted(starts: starts, codes: codes, set, least: keywords.count)
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
  func evaluate(_ run: RowRun, _ kernels: Kernels, into out: UnsafeMutablePointer<UInt64>) {
    switch self {
    case .always: out.update(repeating: .max, count: run.wordCount)
    case .never: out.update(repeating: 0, count: run.wordCount)
    case .ranges(let offsets, let ranges):
      guard run.listed == nil else {
        return ranges.withUnsafeBufferPointer { ranges in Self.scan(offsets, run, into: out) { ranges.holds($0) ? 1 : 0 } }
      }
      for (place, range) in ranges.enumerated() {
        offsets.match(range, rows: run.rows, isAdding: place > 0, kernels, out: out)
      }
    case .floatRanges(let values, let ranges):
      values.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        guard run.listed == nil else {
          return ranges.withUnsafeBufferPointer { ranges in Self.scan(run, into: out) { ranges.holds(values[$0]) ? 1 : 0 } }
        }
        for (place, range) in ranges.enumerated() {
          kernels.match(
            base + run.first, count: run.count, least: range.lowerBound, greatest: range.upperBound,
            isAdding: place > 0, out: out)
        }
      }
    case .numbers(let offsets, let set):
      set.withUnsafeBufferPointer { set in Self.scan(offsets, run, into: out) { set.holdsAscending($0) ? 1 : 0 } }
    case .floats(let values, let set):
      set.withUnsafeBufferPointer { set in
        values.withUnsafeBufferPointer { values in Self.scan(run, into: out) { set.holdsAscending(values[$0]) ? 1 : 0 } }
      }
    case .codes(let offsets, let set):
      set.words.withUnsafeBufferPointer { words in
        Self.scan(offsets, run, into: out) { words[Int($0 >> 6)] >> ($0 & 63) & 1 }
      }
    case .bools(let bits): run.copy(bits, into: out)
    case .counted(let starts, let codes, let set, let least):
      set.words.withUnsafeBufferPointer { words in
        codes.withUnsafeBufferPointer { codes in
          starts.withUnsafeBufferPointer { starts in Self.count(words, codes, starts, run, least, into: out) }
        }
      }
    }
  }

  private static func count(
    _ set: UnsafeBufferPointer<UInt64>, _ codes: UnsafeBufferPointer<UInt32>, _ starts: UnsafeBufferPointer<UInt32>,
    _ run: RowRun, _ least: Int, into out: UnsafeMutablePointer<UInt64>
  ) {
    guard run.listed == nil else {
      return scan(run, into: out) { row in
        var count = 0
        for at in Int(starts[row])..<Int(starts[row &+ 1]) {
          let code = Int(codes[at])
          count &+= Int(set[code >> 6] >> UInt64(code & 63) & 1)
        }
        return count >= least ? 1 : 0
      }
    }
    out.update(repeating: 0, count: run.wordCount)
    count(set, codes, starts, run.rows, least) { row in
      out[(row &- run.first) >> 6] |= 1 &<< UInt64(row & 63)
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
    _ offsets: PackedNumbers.Offsets, _ run: RowRun, into out: UnsafeMutablePointer<UInt64>, _ test: (UInt64) -> UInt64
  ) {
    switch offsets {
    case .zeros: scan(run, into: out) { _ in test(0) }
    case .bytes(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(run, into: out) { test(UInt64(numbers[$0])) } }
    case .shorts(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(run, into: out) { test(UInt64(numbers[$0])) } }
    case .words(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(run, into: out) { test(UInt64(numbers[$0])) } }
    case .longs(let numbers): numbers.withUnsafeBufferPointer { numbers in scan(run, into: out) { test(numbers[$0]) } }
    }
  }

  /// The test gives 0 or 1 for a row, best without a branch.
  @inline(__always)
  private static func scan(_ run: RowRun, into out: UnsafeMutablePointer<UInt64>, _ test: (Int) -> UInt64) {
    if let listed = run.listed {
      pack(run.count, into: out) { test(Int(listed[$0])) }
    } else {
      pack(run.count, into: out) { test(run.first &+ $0) }
    }
  }

  @inline(__always)
  private static func pack(_ count: Int, into out: UnsafeMutablePointer<UInt64>, _ bit: (Int) -> UInt64) {
    let whole = count >> 6
    for word in 0..<whole {
      let first = word << 6
      var bits = 0 as UInt64
      for place in 0..<64 { bits |= bit(first &+ place) &<< UInt64(place) }
      out[word] = bits
    }
    guard whole << 6 < count else { return }
    var bits = 0 as UInt64
    for place in 0..<(count - whole << 6) { bits |= bit(whole << 6 + place) &<< UInt64(place) }
    out[whole] = bits
  }
}

extension UnsafeBufferPointer {
  /// Whether one of few ranges has the number.
  @inline(__always)
  fileprivate func holds<Number>(_ number: Number) -> Bool where Element == ClosedRange<Number> {
    for range in self where range.lowerBound <= number && number <= range.upperBound { return true }
    return false
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
