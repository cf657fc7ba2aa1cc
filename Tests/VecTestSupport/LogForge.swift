/// SQLite logs made by hand from its documentation: vecd leaves none of several transactions, so a test that wants one
/// writes it.
package enum LogForge {
  package static let headerBytes = 32
  package static let pageBytes = 4096
  package static let frameBytes = 24 + pageBytes

  /// A log that leads from the first image of a database to the last, one transaction per step.
  package static func log(from images: [[UInt8]]) -> [UInt8] {
    let salts: [UInt32] = [0x1234_5678, 0x9ABC_DEF0]
    var log = bytes([0x377F_0682, 3_007_000, UInt32(pageBytes), 0] + salts)
    var sum = checksum(log, from: (0, 0))
    log += bytes([sum.0, sum.1])
    for (before, after) in zip(images, images.dropFirst()) {
      let pages = stride(from: 0, to: after.count, by: pageBytes).filter { start in
        start >= before.count || before[start..<start + pageBytes] != after[start..<start + pageBytes]
      }
      for start in pages {
        let isCommit = start == pages.last
        let head = bytes([UInt32(start / pageBytes + 1), isCommit ? UInt32(after.count / pageBytes) : 0])
        let page = Array(after[start..<start + pageBytes])
        sum = checksum(page, from: checksum(head, from: sum))
        log += head + bytes(salts + [sum.0, sum.1]) + page
      }
    }
    return log
  }

  /// Where frames begin that end a transaction.
  package static func commits(in log: [UInt8]) -> [Int] {
    stride(from: headerBytes, to: log.count, by: frameBytes).filter { log[$0 + 4..<$0 + 8].contains { $0 != 0 } }
  }

  private static func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  /// Over little-endian words, as the magic of these logs says.
  private static func checksum(_ bytes: [UInt8], from sum: (UInt32, UInt32)) -> (UInt32, UInt32) {
    func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) } }
    return stride(from: 0, to: bytes.count, by: 8).reduce(sum) { sum, at in
      let first = sum.0 &+ word(at) &+ sum.1
      return (first, sum.1 &+ word(at + 4) &+ first)
    }
  }
}
