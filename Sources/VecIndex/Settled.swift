/// A settled row: its canonical score (larger is better) and id.
struct Settled: BitwiseCopyable, Sendable {
  var score: Float
  var id: UInt64

  /// The order of results: score, then ascending id. Total, as ids are unique.
  func isBefore(_ other: Settled) -> Bool { score != other.score ? score > other.score : id < other.id }

  /// Unsigned numbers in the order of results, equal where scores are equal: both zeros are one.
  private var key: UInt32 { ~Rank.key(score + 0) }

  /// Sorts best first: hundreds of rows per query are worth a radix sort by the bytes of the score.
  static func sort(_ list: inout [Settled]) {
    guard list.count > 64 else { return list.sort { $0.isBefore($1) } }
    let spare = Scratch<Settled>(list.count)
    list.withUnsafeMutableBufferPointer { buffer in
      guard var from = buffer.baseAddress else { return }
      var to = spare.base
      for shift in [0, 8, 16, 24] as [UInt32] where scatter(from, buffer.count, shift, to) { swap(&from, &to) }
      if from != buffer.baseAddress { to.update(from: from, count: buffer.count) }
      sortTies(buffer)
    }
  }

  /// One stable counting pass over a byte of the key; false, and nothing done, when all rows have the same byte.
  private static func scatter(
    _ from: UnsafeMutablePointer<Settled>, _ count: Int, _ shift: UInt32, _ to: UnsafeMutablePointer<Settled>
  ) -> Bool {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { places in
      places.initialize(repeating: 0)
      for index in 0..<count { places[Int((from[index].key >> shift) & 0xFF)] &+= 1 }
      guard places[Int((from[0].key >> shift) & 0xFF)] < count else { return false }
      var sum = 0
      for byte in 0..<256 {
        let here = places[byte]
        places[byte] = sum
        sum &+= here
      }
      for index in 0..<count {
        let byte = Int((from[index].key >> shift) & 0xFF)
        to[places[byte]] = from[index]
        places[byte] &+= 1
      }
      return true
    }
  }

  private static func sortTies(_ list: UnsafeMutableBufferPointer<Settled>) {
    var start = 0
    for index in 1...list.count where index == list.count || list[index].score != list[start].score {
      if index - start > 1 { list[start..<index].sort { $0.id < $1.id } }
      start = index
    }
  }
}
