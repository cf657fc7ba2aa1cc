import VecCore
import VecKernels

/// The vectors of one query against ranges of sketches, and against the bytes of the rows that these leave, or of rows given
/// by number: what a query on its own is fastest by. All interests go over a row while it is in the cache.
final class SketchPass {
  private let kernels: CodeKernels
  private let codes: VectorCodes
  private let pool: CandidatePool
  private let blockRows: Int
  private let numbers: Scratch<UInt32>
  private let dots: Scratch<Int32>
  /// `blockRows` per interest.
  private let hits: Scratch<CodeHit>

  /// - Parameter blockRows: rows per step, a multiple of those of a block.
  init(kernels: CodeKernels, codes: VectorCodes, pool: CandidatePool, blockRows: Int) {
    self.kernels = kernels
    self.codes = codes
    self.pool = pool
    self.blockRows = blockRows
    numbers = Scratch(blockRows)
    dots = Scratch(blockRows)
    hits = Scratch(blockRows * pool.interests)
  }

  /// - Parameters:
  ///   - mask: nil when all rows may be returned.
  ///   - vector: the first of the query.
  func scan(
    _ range: Range<Int>, of coded: CodePlane, _ sketches: SketchRows, _ mask: RowMask?, first vector: Int,
    _ shouldStop: () -> Bool
  ) throws(VecError) {
    let start = range.lowerBound / RowSketch.blockRows * RowSketch.blockRows
    for first in Swift.stride(from: start, to: range.upperBound, by: blockRows) {
      let count = min(blockRows, range.upperBound - first)
      try pool.pacer.spend(count * codes.stride / 2 * pool.interests, shouldStop)
      let kept = self.kept(first, count, sketches, mask, vector)
      // The first block may begin with rows before the range.
      var other = 0
      while other < kept, Int(numbers.base[other]) < range.lowerBound { other += 1 }
      guard other < kept else { continue }
      let rows = UnsafeBufferPointer(start: UnsafePointer(numbers.base + other), count: kept - other)
      try takeByBytes(rows, coded, vector, shouldStop)
    }
  }

  /// The bytes of all rows of a range, without a look at sketches, for a query of one vector.
  func scanBytes(
    _ range: Range<Int>, of coded: CodePlane, vector: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let (group, bound) = (codes.single(vector, thresholds: pool.thresholds.base), codes.bounds[vector])
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: blockRows) {
      let count = min(blockRows, range.upperBound - first)
      try pool.pacer.spend(count * codes.stride, shouldStop)
      kernels.dots(
        group.packed, bias: group.bias[0], codes: coded.codes + first * codes.stride, count: count,
        stride: codes.stride, out: dots.base)
      let found = kernels.hits(
        group, dots: dots.base, factors: coded.factors, first: first, count: count, out: hits.base)
      for index in 0..<found {
        let hit = hits.base[index]
        try pool.take(
          vector, row: first + Int(hit.position), key: hit.upper, lower: bound.least(hit.lower), shouldStop)
      }
    }
  }

  /// The same of the bytes of all rows that may be returned, which are few.
  func fetch(_ mask: RowMask, of coded: CodePlane, first vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    var row = 0
    while row < coded.rowCount {
      // Few at first, so that the floor rises before many are taken.
      let room = row == 0 ? min(blockRows, max(64, 2 * pool.k)) : blockRows
      let (count, next) = mask.collect(row..<coded.rowCount, into: numbers.base, room: room)
      row = next
      guard count > 0 else { continue }
      try pool.pacer.spend(count * codes.stride * pool.interests, shouldStop)
      try takeByBytes(UnsafeBufferPointer(start: UnsafePointer(numbers.base), count: count), coded, vector, shouldStop)
    }
  }

  /// The same of the bytes of rows that have a bias.
  func scan(_ biased: BiasedRows, of coded: CodePlane, first vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    try biased.rows.withUnsafeBufferPointer { (rows) throws(VecError) in
      var first = 0
      while first < rows.count {
        // Few at first, so that the floor rises before many are taken.
        let count = min(rows.count - first, first == 0 ? min(blockRows, max(64, 2 * pool.k)) : blockRows)
        try pool.pacer.spend(count * codes.stride * pool.interests, shouldStop)
        try takeByBytes(
          UnsafeBufferPointer(rebasing: rows[first..<(first + count)]), coded, vector, biased: biased.factors?[first...],
          shouldStop)
        first += count
      }
    }
  }

  /// Rows that a sketch leaves under any interest, in `numbers`.
  private func kept(_ first: Int, _ count: Int, _ sketches: SketchRows, _ mask: RowMask?, _ vector: Int) -> Int {
    guard pool.interests > 1 else {
      return kernels.hits(
        codes.sketchQuery(vector, thresholds: pool.thresholds.base), sketches: sketches, allowed: mask?.bits,
        first: first, count: count, out: numbers.base)
    }
    let queries = (vector..<(vector + pool.interests)).map { codes.sketchQuery($0, thresholds: pool.thresholds.base) }
    return kernels.hits(
      queries, sketches: sketches, allowed: mask?.bits, first: first, count: count, out: numbers.base)
  }

  /// - Parameter biased: of the rows, one by one, in the place of the factors of the plane.
  private func takeByBytes(
    _ rows: UnsafeBufferPointer<UInt32>, _ coded: CodePlane, _ vector: Int, biased: ArraySlice<CodeFactors>? = nil,
    _ shouldStop: () -> Bool
  ) throws(VecError) {
    guard pool.interests > 1 else {
      let found = hits(rows, coded, vector, biased, into: hits.base)
      let bound = codes.bounds[vector]
      for index in 0..<found {
        let hit = hits.base[index]
        try pool.take(vector, row: Int(hit.position), key: hit.upper, lower: bound.least(hit.lower), shouldStop)
      }
      return
    }
    let ends = (0..<pool.interests).map { hits(rows, coded, vector + $0, biased, into: hits.base + $0 * blockRows) }
    try takeJoined(ends, vector, shouldStop)
  }

  /// The rows whose upper bound by bytes reaches a vector's threshold.
  private func hits(
    _ rows: UnsafeBufferPointer<UInt32>, _ coded: CodePlane, _ vector: Int, _ biased: ArraySlice<CodeFactors>?,
    into out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    let group = codes.single(vector, thresholds: pool.thresholds.base)
    dot(rows, coded, group)
    guard let biased else {
      return kernels.hits(group, dots: dots.base, factors: coded.factors, rows: rows, out: out)
    }
    let found = biased.withUnsafeBufferPointer { factors in
      guard let base = factors.baseAddress else { return 0 }
      return kernels.hits(group, dots: dots.base, factors: base, first: 0, count: rows.count, out: out)
    }
    for index in 0..<found { out[index].position = rows[Int(out[index].position)] }
    return found
  }

  /// Products of rows given by number; where they lie one after the other they are not fetched one by one.
  private func dot(_ rows: UnsafeBufferPointer<UInt32>, _ coded: CodePlane, _ group: CodeGroup) {
    if let first = rows.first, let last = rows.last, Int(last - first) == rows.count - 1 {
      kernels.dots(
        group.packed, bias: group.bias[0], codes: coded.codes + Int(first) * codes.stride, count: rows.count,
        stride: codes.stride, out: dots.base)
    } else {
      kernels.dots(
        group.packed, bias: group.bias[0], codes: coded.codes, stride: codes.stride, rows: rows, out: dots.base)
    }
  }

  /// Takes the hits of all interests, which are ascending each, row after row.
  private func takeJoined(_ ends: [Int], _ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    var next = [Int](repeating: 0, count: ends.count)
    while true {
      var row = UInt32.max
      for interest in 0..<ends.count where next[interest] < ends[interest] {
        row = min(row, hits.base[interest * blockRows + next[interest]].position)
      }
      guard row < .max else { return }
      for interest in 0..<ends.count where next[interest] < ends[interest] {
        let hit = hits.base[interest * blockRows + next[interest]]
        guard hit.position == row else { continue }
        next[interest] += 1
        try pool.take(
          vector + interest, row: Int(row), key: hit.upper, lower: codes.bounds[vector + interest].least(hit.lower),
          shouldStop)
      }
    }
  }
}
