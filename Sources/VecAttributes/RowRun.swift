import VecCore

/// Up to 4096 rows that a filter is asked for at once, a bit each in the words of the answer: rows that follow one another, or
/// listed ones.
struct RowRun {
  /// Words of a run at most.
  static let wordsMax = 64
  static let rowsMax = 64 * wordsMax

  /// A multiple of 64; 0 of listed rows.
  let first: Int
  let count: Int
  /// `count` rows in any order, or nil for those from `first` on.
  let listed: UnsafePointer<UInt32>?

  init(_ rows: Range<Int>) {
    first = rows.lowerBound
    count = rows.count
    listed = nil
  }

  init(listed rows: UnsafePointer<UInt32>, count: Int) {
    first = 0
    self.count = count
    listed = rows
  }

  var wordCount: Int { Bitmap.wordCount(count) }
  /// Unless rows are listed.
  var rows: Range<Int> { first..<first + count }

  /// The bits of a word that belong to rows.
  func bits(_ word: Int) -> UInt64 { Bitmap.rowBits(word, rowCount: count) }

  /// Writes which rows of the run are set in a bitmap; past the last one some bits.
  func copy(_ bitmap: Bitmap, into out: UnsafeMutablePointer<UInt64>) {
    bitmap.words.withUnsafeBufferPointer { words in
      for word in 0..<wordCount { out[word] = self.word(word, of: words) }
    }
  }

  /// Leaves only rows that are set in a bitmap.
  func keep(_ bitmap: Bitmap, in out: UnsafeMutablePointer<UInt64>) {
    bitmap.words.withUnsafeBufferPointer { words in
      for word in 0..<wordCount { out[word] &= self.word(word, of: words) & bits(word) }
    }
  }

  @inline(__always)
  private func word(_ word: Int, of words: UnsafeBufferPointer<UInt64>) -> UInt64 {
    guard let listed else { return words[first >> 6 + word] }
    var bits = 0 as UInt64
    for place in word << 6..<min((word + 1) << 6, count) {
      let row = Int(listed[place])
      bits |= (words[row >> 6] &>> UInt64(row & 63) & 1) &<< UInt64(place & 63)
    }
    return bits
  }
}
