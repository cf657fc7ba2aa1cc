import VecCore
import VecKernels

/// Collects, for each vector of a batch, the rows whose canonical score may belong to the k best.
///
/// Why the result is exact. `floor` of a vector is a number that at least k of the rows seen have canonical scores not
/// below: it only rises. A row is dropped only when its key (an approximate score or an upper bound) is below
/// `RowBound.leastKey(reaching: floor)`, so its canonical score is strictly below floor, so k seen rows beat it and it
/// is not in the answer. Ties with the floor are kept. All others are settled: scored canonically and ordered by
/// (score, id).
///
/// A scan may also *guess* a floor from a sample of the rows. The same argument holds for a guess if in the end k
/// settled rows reach it; `unproven` names the vectors where they do not, and those have to be searched again without a
/// guess.
///
/// Memory is bounded: `capacity` pending rows and k settled ones per vector. Full buffers are pruned by their bounds;
/// where that frees less than a quarter (thousands of equal rows), they are settled.
final class CandidatePool {
  /// A pending row: its key, and a float32 that its canonical score is not below.
  private struct Candidate: BitwiseCopyable {
    var key: Float
    var lower: Float
    var row: UInt32
  }

  let k: Int
  private let metric: Metric
  private let dimension: Int
  private let capacity: Int
  private let queries: UnsafePointer<Float>
  private let norms: [Double]
  private let pending: Scratch<Candidate>
  private let rows: Scratch<UInt32>
  private let ranked: Scratch<Float>
  private let counts: Scratch<Int>
  private let count: Int
  private var floors: [Float]
  private var guesses: [Float]
  private var bounds: [RowBound] = []
  /// Per vector, best first.
  private var settled: [[Settled]]
  private var plane: VectorPlane?
  private var pacer = Pacer()
  /// Canonical scores computed so far.
  private(set) var settledCount = 0

  /// Per vector, padded with +infinity to whole groups: the key a row of the current plane needs.
  let thresholds: Scratch<Float>

  /// Pending rows per vector.
  static func capacity(k: Int) -> Int { k + max(64, min(1_024, 4 * k), k) }
  /// Bytes of pending rows per vector.
  static func bytes(k: Int) -> Int { capacity(k: k) * 12 }

  /// - Parameters:
  ///   - queries: `count` vectors as the caller gave them; they outlive the pool.
  ///   - padded: `count` rounded up to whole packed groups.
  init(metric: Metric, queries: UnsafePointer<Float>, count: Int, padded: Int, dimension: Int, k: Int) {
    self.metric = metric
    self.dimension = dimension
    self.k = k
    self.count = count
    self.queries = queries
    capacity = Self.capacity(k: k)
    norms = (0..<count).map { CanonicalScore.norm(queries + $0 * dimension, dimension: dimension) }
    pending = Scratch(count * capacity)
    rows = Scratch(capacity)
    ranked = Scratch(capacity + k)
    counts = Scratch(count)
    counts.base.initialize(repeating: 0, count: count)
    floors = Array(repeating: -.infinity, count: count)
    guesses = Array(repeating: -.infinity, count: count)
    settled = Array(repeating: [], count: count)
    thresholds = Scratch(padded)
    thresholds.base.initialize(repeating: .infinity, count: padded)
  }

  /// The norm of a vector, in double.
  func norm(_ vector: Int) -> Double { norms[vector] }

  /// Row numbers of `take` mean this plane from now on, and keys what `bounds` says, one per vector.
  func begin(_ plane: VectorPlane, _ bounds: [RowBound]) {
    self.plane = plane
    self.bounds = bounds
    for vector in 0..<count { raiseThreshold(vector) }
  }

  /// Sets a floor that nobody has proven yet.
  func guess(_ vector: Int, floor: Float) {
    guard floor > guesses[vector] else { return }
    guesses[vector] = floor
    raiseThreshold(vector)
  }

  /// Offers a row whose key reached the threshold when it was selected; its canonical score is not below `lower`.
  @inline(__always)
  func take(_ vector: Int, row: Int, key: Float, lower: Float, _ shouldStop: () -> Bool) throws(VecError) {
    guard key >= thresholds.base[vector] else { return }
    let count = counts.base[vector]
    pending.base[vector * capacity + count] = Candidate(key: key, lower: lower, row: UInt32(truncatingIfNeeded: row))
    counts.base[vector] = count + 1
    if count + 1 == capacity { try makeRoom(vector, shouldStop) }
  }

  /// Raises a vector's floor to what the rows taken so far prove, before many more are looked at.
  func tighten(_ vector: Int) { prune(vector) }

  /// Settles what is pending of the current plane.
  func finish(_ shouldStop: () -> Bool) throws(VecError) {
    for vector in 0..<count where counts.base[vector] > 0 { try settle(vector, shouldStop) }
    plane = nil
  }

  /// The vectors whose guess was too high for their results to be proven.
  var unproven: [Int] {
    (0..<count).filter { vector in
      guard guesses[vector] > -.infinity else { return false }
      return settled[vector].count < k || worst(vector) < guesses[vector]
    }
  }

  /// The best k of all planes, best first. The pool is empty afterwards.
  func takeResults() -> [[Settled]] {
    defer { settled = [] }
    return settled
  }

  private func makeRoom(_ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    prune(vector)
    if counts.base[vector] > capacity - capacity / 4 { try settle(vector, shouldStop) }
  }

  /// Raises the floor to the k-th best lower bound of everything held, and drops what cannot reach it.
  private func prune(_ vector: Int) {
    let count = counts.base[vector]
    let held = settled[vector].count
    guard count + held >= k else { return }
    for index in 0..<held { ranked.base[index] = settled[vector][index].score }
    let own = pending.base + vector * capacity
    for index in 0..<count { ranked.base[held + index] = own[index].lower }
    raiseFloor(vector, to: Rank.largest(k, of: UnsafeBufferPointer(start: ranked.base, count: held + count)))
    // Without branches: about every second row goes.
    let threshold = thresholds.base[vector]
    var kept = 0
    for index in 0..<count {
      let candidate = own[index]
      own[kept] = candidate
      kept &+= candidate.key >= threshold ? 1 : 0
    }
    counts.base[vector] = kept
  }

  /// Gives those of the pending rows their canonical scores that the bounds of all leave.
  private func settle(_ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    guard let plane else { return }
    if counts.base[vector] > k { prune(vector) }
    let count = counts.base[vector]
    counts.base[vector] = 0
    for index in 0..<count { rows.base[index] = pending.base[vector * capacity + index].row }
    let step = max(1, 65_536 / dimension)
    for start in stride(from: 0, to: count, by: step) {
      let chunk = UnsafeBufferPointer(start: UnsafePointer(rows.base + start), count: min(step, count - start))
      try pacer.spend(4 * chunk.count * dimension, shouldStop)
      settledCount += chunk.count
      CanonicalScore.settle(
        metric, query: queries + vector * dimension, queryNorm: norms[vector], base: plane.base,
        type: plane.elementType, dimension: dimension, rows: chunk, out: ranked.base + start)
    }
    keep(vector, count, plane.ids)
  }

  /// Adds the `fresh` rows just settled to those of before, and keeps the best k of them in their order.
  private func keep(_ vector: Int, _ fresh: Int, _ ids: UnsafePointer<UInt64>) {
    let floor = floors[vector]
    let held = settled[vector]
    settled[vector] = [Settled](unsafeUninitializedCapacity: held.count + fresh) { all, count in
      guard let base = all.baseAddress else { return }
      held.withUnsafeBufferPointer { if let from = $0.baseAddress { base.update(from: from, count: $0.count) } }
      count = held.count
      for index in 0..<fresh {
        base[count] = Settled(score: ranked.base[index], id: ids[Int(rows.base[index])])
        count &+= ranked.base[index] >= floor ? 1 : 0
      }
    }
    Settled.sort(&settled[vector])
    guard settled[vector].count >= k else { return }
    settled[vector].removeLast(settled[vector].count - k)
    raiseFloor(vector, to: worst(vector))
  }

  /// The least score settled so far.
  private func worst(_ vector: Int) -> Float { settled[vector].last?.score ?? .infinity }

  private func raiseFloor(_ vector: Int, to floor: Float) {
    guard floor > floors[vector] else { return }
    floors[vector] = floor
    raiseThreshold(vector)
  }

  private func raiseThreshold(_ vector: Int) {
    thresholds.base[vector] = bounds[vector].leastKey(reaching: max(floors[vector], guesses[vector]))
  }
}
