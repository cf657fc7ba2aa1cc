import VecCore
import VecKernels

/// Guesses a query's floor from a sample of the rows that it will be compared with, so that few of them are collected from
/// the beginning.
///
/// Of the k best rows, m = k * sample / rows are expected in a sample; the guess is the score of rank m + 3 sqrt(m) + 2 of
/// it, which is too high about once in thousands. The pool notices (`unproven`), and that query is searched again without
/// a guess.
final class FloorSample {
  /// Rows of a sample, put here before `floor` or `guess`.
  let rows: Scratch<UInt32>
  private let kernels: CodeKernels
  private let codes: VectorCodes
  private let pool: CandidatePool
  private let dots: Scratch<Int32>
  private let scores: Scratch<Float>

  /// - Parameter room: rows of a sample at most.
  init(kernels: CodeKernels, codes: VectorCodes, pool: CandidatePool, room: Int) {
    self.kernels = kernels
    self.codes = codes
    self.pool = pool
    rows = Scratch(room)
    dots = Scratch(room)
    scores = Scratch(room)
  }

  static func rank(k: Int, sample: Int, of rowCount: Int) -> Int {
    let expected = Double(k) * Double(sample) / Double(rowCount)
    return Int(expected + 3 * expected.squareRoot() + 2)
  }

  /// Sets the floor of a query to what the first `count` of `rows` let expect: see `floor`.
  func guess(_ count: Int, rank: Int, of coded: CodePlane, first: Int) {
    pool.guess(first, floor: floor(count, rank: rank, of: coded, first: first, inRuns: false))
  }

  /// The score of a rank among the first `count` of `rows`, the same on every CPU.
  /// - Parameters:
  ///   - rank: see `rank(k:sample:of:)`; at most `count`.
  ///   - first: the query's first vector. A row's score is its best under any of them.
  ///   - inRuns: whether most rows follow the one before, so that they are read in order and not fetched one by one.
  func floor(_ count: Int, rank: Int, of coded: CodePlane, first: Int, inRuns: Bool) -> Float {
    let sample = UnsafeBufferPointer(start: UnsafePointer(rows.base), count: count)
    for row in sample { kernels.prefetch(coded.factors + Int(row)) }
    for vector in first..<(first + pool.interests) {
      let (query, bound) = (codes.queries[vector], codes.bounds[vector])
      if inRuns {
        dotRuns(sample, query, coded)
      } else {
        kernels.dots(query.codes, bias: query.bias, codes: coded.codes, stride: codes.stride, rows: sample, out: dots.base)
      }
      for index in 0..<count {
        let factors = coded.factors[Int(sample[index])]
        let value = Float(dots.base[index]) * query.scale * factors.scale + factors.offset
        guard pool.interests > 1 else {
          scores.base[index] = value
          continue
        }
        // Vectors of different norms are compared by scores.
        let score = bound.score(value)
        scores.base[index] = vector == first ? score : max(scores.base[index], score)
      }
    }
    let floor = Rank.largest(rank, of: UnsafeBufferPointer(start: UnsafePointer(scores.base), count: count))
    return pool.interests > 1 ? floor : codes.bounds[first].score(floor)
  }

  private func dotRuns(_ sample: UnsafeBufferPointer<UInt32>, _ query: QueryCode, _ coded: CodePlane) {
    for row in sample { prefetch(coded.codes + Int(row) * codes.stride) }
    var start = 0
    while start < sample.count {
      var end = start + 1
      while end < sample.count, sample[end] == sample[end - 1] &+ 1 { end += 1 }
      kernels.dots(
        query.codes, bias: query.bias, codes: coded.codes + Int(sample[start]) * codes.stride, count: end - start,
        stride: codes.stride, out: dots.base + start)
      start = end
    }
  }
}
