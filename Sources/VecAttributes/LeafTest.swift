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
      self = range.isEmpty ? .never : .codes(codes, ExactRange(least: UInt32(range.lowerBound), greatest: UInt32(range.upperBound - 1)))
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
    case .ints(let values, let range): Self.scan(values, rows, into: out) { range.contains($0) }
    case .floats(let values, let range): Self.scan(values, rows, into: out) { range.contains($0) }
    case .codes(let values, let range): Self.scan(values, rows, into: out) { range.contains($0) }
    case .intSet(let values, let set):
      set.withUnsafeBufferPointer { set in Self.scan(values, rows, into: out) { set.holdsAscending($0) } }
    case .floatSet(let values, let set):
      set.withUnsafeBufferPointer { set in Self.scan(values, rows, into: out) { set.holdsAscending($0) } }
    case .bools(let bits): for (at, word) in run.enumerated() { out[at] = bits.words[word] }
    case .codeSet(let values, let set):
      set.words.withUnsafeBufferPointer { words in
        Self.scan(values, rows, into: out) { words[Int($0 >> 6)] >> UInt64($0 & 63) & 1 == 1 }
      }
    case .counted(let starts, let codes, let set, let least):
      set.words.withUnsafeBufferPointer { words in
        codes.withUnsafeBufferPointer { codes in
          starts.withUnsafeBufferPointer { starts in
            Self.scan(rows, into: out) { row in
              var count: UInt64 = 0
              for at in Int(starts[row])..<Int(starts[row + 1]) {
                count &+= words[Int(codes[at] >> 6)] >> UInt64(codes[at] & 63) & 1
              }
              return count >= UInt64(least)
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private static func scan<T>(
    _ values: [T], _ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ test: (T) -> Bool
  ) {
    values.withUnsafeBufferPointer { values in scan(rows, into: out) { test(values[$0]) } }
  }

  /// `rows` begin at a multiple of 64.
  @inline(__always)
  private static func scan(_ rows: Range<Int>, into out: UnsafeMutablePointer<UInt64>, _ test: (Int) -> Bool) {
    var word = 0
    var row = rows.lowerBound
    while row < rows.upperBound {
      let count = min(64, rows.upperBound - row)
      var bits: UInt64 = 0
      for bit in 0..<count { bits |= (test(row &+ bit) ? 1 : 0) << UInt64(truncatingIfNeeded: bit) }
      out[word] = bits
      word &+= 1
      row &+= count
    }
  }
}

extension Bitmap {
  /// Bits past the last row are set too; callers mask them.
  fileprivate var inverted: Bitmap { Bitmap(words: words.map { ~$0 }, rowCount: rowCount) }
}
