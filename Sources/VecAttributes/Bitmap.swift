/// A bit per row: row r is bit r % 64 of word r / 64. Bits past the last row are 0.
package struct Bitmap: Sendable, Equatable {
  package private(set) var words: [UInt64]
  package let rowCount: Int

  package init(rowCount: Int) {
    self.rowCount = rowCount
    words = [UInt64](repeating: 0, count: Self.wordCount(rowCount))
  }

  /// Words whose bits past the last row are 0.
  init(words: [UInt64], rowCount: Int) {
    precondition(words.count == Self.wordCount(rowCount), "a bitmap has a word for each 64 rows")
    self.words = words
    self.rowCount = rowCount
  }

  package static func wordCount(_ rowCount: Int) -> Int { (rowCount + 63) >> 6 }

  /// The bits of word `word` that belong to rows.
  static func rowBits(_ word: Int, rowCount: Int) -> UInt64 {
    let rows = rowCount - word << 6
    return rows >= 64 ? .max : rows <= 0 ? 0 : (1 << UInt64(rows)) &- 1
  }

  package subscript(row: Int) -> Bool {
    get { words[row >> 6] >> UInt64(row & 63) & 1 == 1 }
    set {
      let bit = 1 << UInt64(row & 63) as UInt64
      if newValue { words[row >> 6] |= bit } else { words[row >> 6] &= ~bit }
    }
  }

  /// How many bits are set.
  package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
