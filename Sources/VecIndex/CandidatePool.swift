import VecCore
import VecKernels

/// A settled row: its canonical score (larger is better) and id.
struct Settled: Sendable {
  var score: Float
  var id: UInt64

  /// The order of results: score, then ascending id. Total, as ids are unique.
  func isBefore(_ other: Settled) -> Bool { score != other.score ? score > other.score : id < other.id }
}

/// Collects, for each vector of a batch, the rows whose canonical score may belong to the k best.
///
/// Why the result is exact. `floor` of a vector is a number that at least k of the rows seen have canonical scores not
/// below: it only rises. A row is dropped only when its approximate score is below `ScoreBound.leastApprox(reaching:
/// floor)`, so its canonical score is strictly below floor, so k seen rows beat it and it is not in the answer. Ties
/// with the floor are kept. All others are settled: scored canonically and ordered by (score, id).
///
/// Memory is bounded: `capacity` pending rows and k settled ones per vector. Full buffers are pruned by approximate
/// score; where that frees less than a quarter (thousands of equal rows), they are settled.
final class CandidatePool {
  private let metric: Metric
  private let dimension: Int
  private let k: Int
  private let capacity: Int
  private let queries: UnsafePointer<Float>
  private let norms: [Double]
  private let approx: Scratch<Float>
  private let rows: Scratch<UInt32>
  private let ranked: Scratch<Float>
  private var counts: [Int]
  private var floors: [Float]
  private var bounds: [ScoreBound] = []
  private var settled: [[Settled]]
  private var plane: VectorPlane?
  private var pacer = Pacer()

  /// Per vector, padded with +infinity to whole groups: the approximate score a row of the current plane needs.
  let thresholds: Scratch<Float>

  /// Pending rows per vector.
  static func capacity(k: Int) -> Int { k + max(1_024, k) }

  /// - Parameters:
  ///   - queries: `count` vectors as the caller gave them; they outlive the pool.
  ///   - padded: `count` rounded up to whole packed groups.
  init(metric: Metric, queries: UnsafePointer<Float>, count: Int, padded: Int, dimension: Int, k: Int) {
    self.metric = metric
    self.dimension = dimension
    self.k = k
    self.queries = queries
    capacity = Self.capacity(k: k)
    norms = (0..<count).map { CanonicalScore.norm(queries + $0 * dimension, dimension: dimension) }
    approx = Scratch(count * capacity)
    rows = Scratch(count * capacity)
    ranked = Scratch(capacity + k)
    counts = Array(repeating: 0, count: count)
    floors = Array(repeating: -.infinity, count: count)
    settled = Array(repeating: [], count: count)
    thresholds = Scratch(padded)
    thresholds.base.initialize(repeating: .infinity, count: padded)
  }

  /// The norm of a vector, in double.
  func norm(_ vector: Int) -> Double { norms[vector] }

  /// Row numbers of `take` mean this plane from now on.
  func begin(_ plane: VectorPlane) {
    self.plane = plane
    bounds = norms.map {
      ScoreBound(
        metric: metric, dimension: dimension, queryNorm: $0, greatestNorm: Double(plane.greatestNorm))
    }
    for vector in counts.indices { raiseThreshold(vector) }
  }

  /// Offers a row whose approximate score reached the threshold when it was selected.
  @inline(__always)
  func take(_ vector: Int, row: Int, score: Float, _ shouldStop: () -> Bool) throws(VecError) {
    guard score >= thresholds.base[vector] else { return }
    let count = counts[vector]
    approx.base[vector * capacity + count] = score
    rows.base[vector * capacity + count] = UInt32(truncatingIfNeeded: row)
    counts[vector] = count + 1
    if count + 1 == capacity { try makeRoom(vector, shouldStop) }
  }

  /// Settles what is pending of the current plane.
  func finish(_ shouldStop: () -> Bool) throws(VecError) {
    for vector in counts.indices where counts[vector] > 0 {
      prune(vector)
      try settle(vector, shouldStop)
    }
    plane = nil
  }

  /// The best k of all planes, best first. The pool is empty afterwards.
  func takeResults() -> [[Settled]] {
    defer { settled = [] }
    return settled
  }

  private func makeRoom(_ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    prune(vector)
    if counts[vector] > capacity - capacity / 4 { try settle(vector, shouldStop) }
  }

  /// Raises the floor to the k-th best lower bound of everything held, and drops what cannot reach it.
  private func prune(_ vector: Int) {
    let count = counts[vector]
    let held = settled[vector].count
    guard count + held >= k else { return }
    for index in 0..<held { ranked.base[index] = settled[vector][index].score }
    let scores = approx.base + vector * capacity
    let bound = bounds[vector]
    for index in 0..<count { ranked.base[held + index] = bound.lower(scores[index]) }
    raiseFloor(vector, to: Rank.largest(k, of: UnsafeBufferPointer(start: ranked.base, count: held + count)))

    let numbers = rows.base + vector * capacity
    let threshold = thresholds.base[vector]
    var kept = 0
    for index in 0..<count where scores[index] >= threshold {
      scores[kept] = scores[index]
      numbers[kept] = numbers[index]
      kept += 1
    }
    counts[vector] = kept
  }

  /// Gives every pending row its canonical score and keeps the best k.
  private func settle(_ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    guard let plane else { return }
    let numbers = rows.base + vector * capacity
    let scores = approx.base + vector * capacity  // each is replaced by its canonical score
    let count = counts[vector]
    let step = max(1, 65_536 / dimension)
    var best = settled[vector]
    settled[vector] = []
    for start in stride(from: 0, to: count, by: step) {
      let chunk = UnsafeBufferPointer(start: UnsafePointer(numbers + start), count: min(step, count - start))
      try pacer.spend(4 * chunk.count * dimension, shouldStop)
      CanonicalScore.settle(
        metric, query: queries + vector * dimension, queryNorm: norms[vector], base: plane.base,
        type: plane.elementType, dimension: dimension, rows: chunk, out: scores + start)
    }
    let worst = best.count == k ? best.last : nil
    for index in 0..<count {
      let found = Settled(score: scores[index], id: plane.ids[Int(numbers[index])])
      if worst.map({ found.isBefore($0) }) ?? true { best.append(found) }
    }
    best.sort { $0.isBefore($1) }
    if best.count > k { best.removeLast(best.count - k) }
    counts[vector] = 0
    settled[vector] = best
    if best.count == k, let last = best.last { raiseFloor(vector, to: last.score) }
  }

  private func raiseFloor(_ vector: Int, to floor: Float) {
    guard floor > floors[vector] else { return }
    floors[vector] = floor
    raiseThreshold(vector)
  }

  private func raiseThreshold(_ vector: Int) {
    thresholds.base[vector] = bounds[vector].leastApprox(reaching: floors[vector])
  }
}
