/// Which rows may be returned: bit `row % 64` of word `row / 64`. Borrowed memory, valid during the call it is handed to.
package struct RowMask {
  private let words: UnsafePointer<UInt64>
  private let known: Int?

  /// - Parameters:
  ///   - words: a bit for every row.
  ///   - allowedCount: how many bits are set; nil has them counted when somebody asks.
  package init(_ words: UnsafePointer<UInt64>, allowedCount: Int? = nil) {
    self.words = words
    known = allowedCount
  }

  /// For kernels.
  var bits: UnsafePointer<UInt64> { words }

  /// How many of all rows may be returned.
  func allowedCount(of rowCount: Int) -> Int { known ?? count(0..<rowCount) }

  @inline(__always)
  func allows(_ row: UInt32) -> Bool { words[Int(row >> 6)] >> UInt64(row & 63) & 1 == 1 }

  /// The first of these that may be returned, of `rows`; nil when none may.
  func first(in rows: Range<Int>) -> Int? {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let rest = words[row >> 6] >> UInt64(row & 63)
      if rest != 0 {
        let found = row + rest.trailingZeroBitCount
        return found < rows.upperBound ? found : nil
      }
      row = (row >> 6 + 1) << 6
    }
    return nil
  }

  /// Those of `rows` that may be returned, ascending, as many as there is room for.
  /// - Returns: how many, and the first row that was not looked at.
  func collect(_ rows: Range<Int>, into out: UnsafeMutablePointer<UInt32>, room: Int) -> (count: Int, next: Int) {
    var count = 0
    var row = rows.lowerBound
    while row < rows.upperBound {
      var rest = words[row >> 6] >> UInt64(row & 63)
      if rest == 0 {  // most of them, where few rows may be returned
        row = (row >> 6 + 1) << 6
        continue
      }
      let end = min(rows.upperBound, (row >> 6 + 1) << 6)
      if end - row < 64 { rest &= 1 << UInt64(end - row) &- 1 }
      if rest.nonzeroBitCount > room - count { break }
      while rest != 0 {
        out[count] = UInt32(truncatingIfNeeded: row + rest.trailingZeroBitCount)
        count += 1
        rest &= rest &- 1
      }
      row = end
    }
    return (count, min(row, rows.upperBound))
  }

  /// How many of some rows may be returned.
  func count(_ rows: Range<Int>) -> Int {
    guard !rows.isEmpty else { return 0 }
    let first = rows.lowerBound >> 6
    let last = (rows.upperBound - 1) >> 6
    let head = ~UInt64(0) << UInt64(rows.lowerBound & 63)
    let tail = ~UInt64(0) >> UInt64(63 - (rows.upperBound - 1) & 63)
    if first == last { return (words[first] & head & tail).nonzeroBitCount }
    var count = (words[first] & head).nonzeroBitCount + (words[last] & tail).nonzeroBitCount
    for word in (first + 1)..<last { count += words[word].nonzeroBitCount }
    return count
  }
}
