import VecCore

/// A test bound to a column: what it does to a run of rows. Rows without value get some bit, which the caller masks.
enum LeafTest {
  case always
  case never
  case ints([Int64], ExactRange<Int64>)
  case intSet([Int64], [Int64])
  case floats([Double], ExactRange<Double>)
  case floatSet([Double], [Double])
  case bools(Bitmap)
  case codes([UInt32], ExactRange<UInt32>)
  case codeSet([UInt32], CodeSet)
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

  init(_ test: CompiledFilter.Test, _ values: AttributeColumns.Values) {
    switch (test, values) {
    case (.present, _): self = .always
    case (.ints(let range), .ints(let values)): self = range.least > range.greatest ? .never : .ints(values, range)
    case (.floats(let range), .floats(let values)): self = range.least > range.greatest ? .never : .floats(values, range)
    case (.intSet(let set), .ints(let values)): self = set.isEmpty ? .never : .intSet(values, set)
    case (.floatSet(let set), .floats(let values)): self = set.isEmpty ? .never : .floatSet(values, set)
    case (.bool(let acceptsFalse, let acceptsTrue), .bools(let values)):
      self = acceptsFalse ? (acceptsTrue ? .always : .bools(values.inverted)) : (acceptsTrue ? .bools(values) : .never)
    case (.keywords(let range), .keyword(let codes, let dictionary)):
      let range = dictionary.codes(of: range)
      self =
        range.isEmpty
        ? .never : .codes(codes, ExactRange(least: UInt32(range.lowerBound), greatest: UInt32(range.upperBound - 1)))
    case (.keywordSet(let keywords), .keyword(let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.count == 0 ? .never : .codeSet(codes, set)
    case (.hasAny(let keywords), .keywords(let starts, let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.count == 0 ? .never : .counted(starts: starts, codes: codes, set, least: 1)
    case (.hasAll(let keywords), .keywords(let starts, let codes, let dictionary)):
      let set = CodeSet(keywords, dictionary)
      self = set.count < keywords.count ? .never : .counted(starts: starts, codes: codes, set, least: keywords.count)
    default: self = .never
    }
  }

  /// Writes the words of a run; pointers are taken here, once for up to 4096 rows.
  func evaluate(_ run: Range<Int>, rowCount: Int, into out: UnsafeMutablePointer<UInt64>) {
    let rows = run.lowerBound << 6..<min(run.upperBound << 6, rowCount)
    switch self {
    case .always: out.update(repeating: .max, count: run.count)
    case .never: out.update(repeating: 0, count: run.count)
    case .ints(let values, let range):
      // One comparison does for both ends: below the least value the difference wraps around to a large one.
      let span = UInt64(bitPattern: range.greatest &- range.least)
      Self.scan(values, rows, into: out) { UInt64(bitPattern: $0 &- range.least) <= span ? 1 : 0 }
    case .codes(let values, let range):
      let span = range.greatest &- range.least
      Self.scan(values, rows, into: out) { $0 &- range.least <= span ? 1 : 0 }
    case .floats(let values, let range):
      Self.scan(values, rows, into: out) { ($0 >= range.least ? 1 : 0) & ($0 <= range.greatest ? 1 : 0) }
    case .intSet(let values, let set): Self.scan(values, rows, into: out, oneOf: set)
    case .floatSet(let values, let set): Self.scan(values, rows, into: out, oneOf: set)
    case .bools(let bits): for (at, word) in run.enumerated() { out[at] = bits.words[word] }
    case .codeSet(let values, let set):
      set.words.withUnsafeBufferPointer { words in
        Self.scan(values, rows, into: out) { words[Int($0 >> 6)] >> UInt64($0 & 63) & 1 }
      }
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

  /// Few values are all compared, without a branch; many are searched.
  private static func scan<T: Comparable>(
    _ values: [T], _ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, oneOf set: [T]
  ) {
    set.withUnsafeBufferPointer { set in
      if set.count <= 16 {
        scan(values, rows, into: out) { value in
          var hit = 0 as UInt64
          for other in set { hit |= value == other ? 1 : 0 }
          return hit
        }
      } else {
        scan(values, rows, into: out) { set.holdsAscending($0) ? 1 : 0 }
      }
    }
  }

  @inline(__always)
  private static func scan<T>(
    _ values: [T], _ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ test: (T) -> UInt64
  ) {
    values.withUnsafeBufferPointer { values in scan(rows, into: out) { test(values[$0]) } }
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
