import VecIndex

/// Which rows of a segment or of a block still count: bit `row % 64` of word `row / 64`. Never changed once it is shared,
/// so a search that holds it sees one state.
final class LiveRows: @unchecked Sendable {  // written by `removing` only, before anyone else has it
  let rowCount: Int
  private(set) var count: Int
  private let words: UnsafeMutablePointer<UInt64>

  var wordCount: Int { (rowCount + 63) / 64 }

  /// All of them.
  init(rowCount: Int) {
    self.rowCount = rowCount
    count = rowCount
    words = .allocate(capacity: max(1, (rowCount + 63) / 64))
    words.initialize(repeating: .max, count: wordCount)
    if rowCount & 63 != 0 { words[wordCount - 1] = 1 << UInt64(rowCount & 63) - 1 }
  }

  /// - Parameter write: writes all words, the bits past the last row 0, and returns how many bits are set.
  init(rowCount: Int, write: (UnsafeMutableBufferPointer<UInt64>) -> Int) {
    self.rowCount = rowCount
    let wordCount = (rowCount + 63) / 64
    words = .allocate(capacity: max(1, wordCount))
    count = write(UnsafeMutableBufferPointer(start: words, count: wordCount))
  }

  private init(copying other: LiveRows, rowCount: Int) {
    self.rowCount = rowCount
    count = other.count + rowCount - other.rowCount
    words = .allocate(capacity: max(1, (rowCount + 63) / 64))
    words.update(from: other.words, count: other.wordCount)
    for row in other.rowCount..<rowCount {
      if row & 63 == 0 { words[row >> 6] = 0 }
      words[row >> 6] |= 1 << UInt64(row & 63)
    }
  }

  deinit { words.deallocate() }

  /// The same, and rows that came after them, without some of all those.
  func extended(to rowCount: Int, removing rows: some Sequence<Int>) -> LiveRows {
    let copy = LiveRows(copying: self, rowCount: rowCount)
    for row in rows where copy.contains(row) {
      copy.words[row >> 6] &= ~(1 << UInt64(row & 63))
      copy.count -= 1
    }
    return copy
  }

  /// The rows that count in both, which are of the same segment.
  func intersection(_ other: LiveRows) -> LiveRows {
    let both = LiveRows(copying: self, rowCount: rowCount)
    both.count = 0
    for word in 0..<wordCount {
      both.words[word] &= other.words[word]
      both.count += both.words[word].nonzeroBitCount
    }
    return both
  }

  func removing(_ rows: some Sequence<Int>) -> LiveRows { extended(to: rowCount, removing: rows) }

  /// - Parameter target: room for `wordCount` words.
  func copy(to target: UnsafeMutablePointer<UInt64>) { target.update(from: words, count: wordCount) }

  func contains(_ row: Int) -> Bool { words[row >> 6] >> UInt64(row & 63) & 1 == 1 }

  /// Good as long as this lives.
  var mask: RowMask { RowMask(words, allowedCount: count) }

  /// Rows that count here and no longer there, ascending.
  func lost(in later: LiveRows?) -> [Int] {
    guard let later, later !== self else { return [] }
    var rows: [Int] = []
    for word in 0..<wordCount {
      var gone = words[word] & ~later.words[word]
      while gone != 0 {
        rows.append(word << 6 + gone.trailingZeroBitCount)
        gone &= gone - 1
      }
    }
    return rows
  }

  /// All rows that count, ascending.
  var rows: [Int] { (0..<rowCount).filter(contains) }
}
