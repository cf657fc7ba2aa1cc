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

  /// How many of all rows may be returned.
  func allowedCount(of rowCount: Int) -> Int { known ?? count(0..<rowCount) }

  @inline(__always)
  func allows(_ row: UInt32) -> Bool { words[Int(row >> 6)] >> UInt64(row & 63) & 1 == 1 }

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
