/// Which rows may be returned: bit `row % 64` of word `row / 64`. Borrowed memory, valid during the call it is handed to.
package struct RowMask {
  private let words: UnsafePointer<UInt64>

  /// - Parameter words: a bit for every row.
  package init(_ words: UnsafePointer<UInt64>) { self.words = words }

  @inline(__always)
  func allows(_ row: UInt32) -> Bool { words[Int(row >> 6)] >> UInt64(row & 63) & 1 == 1 }

  /// How many of the first `rowCount` rows may be returned.
  func count(_ rowCount: Int) -> Int {
    var count = 0
    for word in 0..<(rowCount >> 6) { count += words[word].nonzeroBitCount }
    let rest = UInt64(rowCount & 63)
    return rest == 0 ? count : count + (words[rowCount >> 6] & (1 << rest - 1)).nonzeroBitCount
  }
}
