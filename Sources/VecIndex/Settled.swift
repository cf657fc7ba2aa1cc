import VecCore
import VecKernels

/// A settled row: its canonical score (larger is better), the first interest that has it, and its id.
struct Settled: BitwiseCopyable, Sendable {
  var score: Float
  var interest: UInt8 = 0
  var id: UInt64

  func hit(_ metric: Metric) -> Hit { Hit(id: id, score: CanonicalScore.shown(score, metric), interest: interest) }

  /// The order of results: score, then ascending id. Total, as ids are unique.
  func isBefore(_ other: Settled) -> Bool { score != other.score ? score > other.score : id < other.id }

  /// Unsigned numbers in the order of results, equal where scores are equal: both zeros are one.
  @inline(__always)
  private var key: UInt32 { ~Rank.key(score + 0) }

  private static let digitBitsMax = 12

  /// Sorts best first: hundreds of rows per query are worth a radix sort by the bits in which their scores differ.
  static func sort(_ list: inout [Settled]) {
    guard list.count > 64 else { return list.sort { $0.isBefore($1) } }
    let spare = Scratch<Settled>(list.count)
    list.withUnsafeMutableBufferPointer { buffer in
      guard var from = buffer.baseAddress else { return }
      var to = spare.base
      var (least, greatest) = (UInt32.max, UInt32.min)
      for row in buffer {
        least = min(least, row.key)
        greatest = max(greatest, row.key)
      }
      let bits = 32 - (greatest - least).leadingZeroBitCount
      let passes = (bits + digitBitsMax - 1) / digitBitsMax
      let digitBits = passes == 0 ? 0 : (bits + passes - 1) / passes
      for pass in 0..<passes {
        scatter(from, buffer.count, least, shift: UInt32(pass * digitBits), digitBits, to)
        swap(&from, &to)
      }
      if from != buffer.baseAddress { to.update(from: from, count: buffer.count) }
      sortTies(buffer)
    }
  }

  /// One stable counting pass over a digit of the key less the least one.
  private static func scatter(
    _ from: UnsafeMutablePointer<Settled>, _ count: Int, _ least: UInt32, shift: UInt32, _ digitBits: Int,
    _ to: UnsafeMutablePointer<Settled>
  ) {
    let mask = UInt32(1) << UInt32(digitBits) - 1
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << digitBits) { places in
      places.initialize(repeating: 0)
      for index in 0..<count { places[Int(((from[index].key - least) >> shift) & mask)] &+= 1 }
      var sum: UInt32 = 0
      for digit in 0..<places.count {
        let here = places[digit]
        places[digit] = sum
        sum &+= here
      }
      for index in 0..<count {
        let digit = Int(((from[index].key - least) >> shift) & mask)
        to[Int(places[digit])] = from[index]
        places[digit] &+= 1
      }
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
