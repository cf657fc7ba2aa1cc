import VecCore
import VecKernels

/// Collects, for each query of a batch, the rows whose canonical score may belong to the k best. A query is one vector,
/// or several of one user (interests), and a row's score is its best over them.
///
/// Why the result is exact. `floor` of a query is a number that at least k of the rows seen have canonical scores not
/// below: it only rises. A vector does not offer a row whose key (an approximate score or an upper bound) is below
/// `RowBound.leastKey(reaching: floor)`, since the row's canonical score under this vector is strictly below floor. A row
/// that no vector offers, or whose upper bounds have all sunk below floor, is beaten by k seen rows and not in the
/// answer. Ties with the floor are kept. All others are settled: scored canonically under the vectors that offered them
/// (under the others they score below floor, so the best one is among these) and ordered by (score, id).
///
/// A scan may also *guess* a floor from a sample of the rows. The same argument holds for a guess if in the end k
/// settled rows reach it; `unproven` names the queries where they do not, and those have to be searched again without a
/// guess.
///
/// Memory is bounded: `capacity` pending rows and k settled ones per query. Full buffers are pruned by their bounds;
/// where that frees less than a quarter (thousands of equal rows), they are settled.
final class CandidatePool {
  /// A pending row: what its canonical score is not above and not below, and which interests offered it, one bit each.
  /// Of a query with one vector `upper` is the key, whose threshold is known; several need a common unit.
  private struct Candidate: BitwiseCopyable {
    var upper: Float
    var lower: Float
    var row: UInt32
    var interests: UInt8
  }

  let k: Int
  private let metric: Metric
  private let dimension: Int
  private let capacity: Int
  private let queries: UnsafePointer<Float>
  private let norms: [Double]
  /// Vectors per query: a power of two.
  let interests: Int
  private let shift: Int
  private let pending: Scratch<Candidate>
  private let rows: Scratch<UInt32>
  private let places: Scratch<Int32>
  private let ranked: Scratch<Float>
  private let fresh: Scratch<Settled>
  private let counts: Scratch<Int>
  /// Queries.
  private let count: Int
  // Private, and no method calls another one while it changes them: nothing is left for checks at run time to find, which
  // would be a few percent of a small search.
  @exclusivity(unchecked) private var floors: [Float]
  @exclusivity(unchecked) private var guesses: [Float]
  @exclusivity(unchecked) private var bounds: [RowBound] = []
  /// Per query, best first.
  @exclusivity(unchecked) private var settled: [[Settled]]
  @exclusivity(unchecked) private var plane: VectorPlane?
  @exclusivity(unchecked) private var mask: RowMask?
  @exclusivity(unchecked) private var biases: BiasedRows?
  /// Of the whole search: what scans for this pool do counts with what the pool does.
  let pacer = Pacer()
  /// Canonical scores computed so far.
  private(set) var settledCount = 0

  /// Per vector, padded with +infinity to whole groups: the key a row of the current plane needs.
  let thresholds: Scratch<Float>

  /// Pending rows per query.
  static func capacity(k: Int) -> Int { k + max(64, min(1_024, 4 * k), k) }
  /// Bytes of pending rows per query.
  static func bytes(k: Int) -> Int { capacity(k: k) * MemoryLayout<Candidate>.stride }

  /// - Parameters:
  ///   - queries: `count` vectors, `interests` of each query one after the other; they outlive the pool.
  ///   - padded: `count` rounded up to whole packed groups.
  ///   - interests: a power of two.
  init(
    metric: Metric, queries: UnsafePointer<Float>, count vectors: Int, padded: Int, interests: Int, dimension: Int, k: Int
  ) {
    self.metric = metric
    self.dimension = dimension
    self.k = k
    self.interests = interests
    shift = interests.trailingZeroBitCount
    count = vectors / interests
    self.queries = queries
    capacity = Self.capacity(k: k)
    norms = (0..<vectors).map { CanonicalScore.norm(queries + $0 * dimension, dimension: dimension) }
    pending = Scratch(count * capacity)
    rows = Scratch(capacity)
    places = Scratch(capacity)
    ranked = Scratch(capacity + k)
    fresh = Scratch(capacity)
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
  ///
  /// - Parameter biases: what is added to the canonical scores of the rows that are taken.
  func begin(_ plane: VectorPlane, _ bounds: [RowBound], biases: BiasedRows? = nil) {
    self.plane = plane
    self.biases = biases
    mask = plane.mask
    self.bounds = bounds
    for query in 0..<count { raiseThresholds(query) }
  }

  /// Sets a floor that nobody has proven yet.
  func guess(_ vector: Int, floor: Float) {
    let query = vector >> shift
    guard floor > guesses[query] else { return }
    guesses[query] = floor
    raiseThresholds(query)
  }

  /// Offers a row whose key under a vector reached the threshold when it was selected; its canonical score under that
  /// vector is not below `lower`. What the vectors of one query say of a row comes one after the other.
  @inline(__always)
  func take(_ vector: Int, row: Int, key: Float, lower: Float, _ shouldStop: () -> Bool) throws(VecError) {
    guard key >= thresholds.base[vector] else { return }
    if let mask, !mask.allows(UInt32(truncatingIfNeeded: row)) { return }
    let query = vector >> shift
    let found = Candidate(
      upper: interests == 1 ? key : bounds[vector].most(key), lower: lower, row: UInt32(truncatingIfNeeded: row),
      interests: 1 << UInt8(truncatingIfNeeded: vector & (interests - 1)))
    let count = counts.base[query]
    let end = pending.base + (query * capacity + count)
    if interests > 1, count > 0, end[-1].row == found.row { return Self.join(found, into: end - 1) }
    guard count < capacity else { return try takeAfterMakingRoom(query, found, shouldStop) }
    end.pointee = found
    counts.base[query] = count + 1
  }

  /// Takes a row of which nothing is known, under all vectors of a query.
  func takeUnseen(_ first: Int, row: Int, _ shouldStop: () -> Bool) throws(VecError) {
    for vector in first..<(first + interests) {
      try take(
        vector, row: row, key: .greatestFiniteMagnitude, lower: -.greatestFiniteMagnitude, shouldStop)
    }
  }

  /// Room is made before a row is taken and not after, so that the last one is there for its other interests to join.
  private func takeAfterMakingRoom(
    _ query: Int, _ found: Candidate, _ shouldStop: () -> Bool
  ) throws(VecError) {
    prune(query)
    if counts.base[query] > capacity - capacity / 4 { try settle(query, shouldStop) }
    guard found.upper >= leastUpper(query) else { return }
    let count = counts.base[query]
    pending.base[query * capacity + count] = found
    counts.base[query] = count + 1
  }

  private static func join(_ found: Candidate, into candidate: UnsafeMutablePointer<Candidate>) {
    candidate.pointee.upper = max(candidate.pointee.upper, found.upper)
    candidate.pointee.lower = max(candidate.pointee.lower, found.lower)
    candidate.pointee.interests |= found.interests
  }

  /// Raises a query's floor to what the rows taken so far prove, before many more are looked at.
  func tighten(_ query: Int) { prune(query) }

  /// Settles what is pending of the current plane.
  func finish(_ shouldStop: () -> Bool) throws(VecError) {
    for query in 0..<count where counts.base[query] > 0 { try settle(query, shouldStop) }
    plane = nil
  }

  /// The queries whose guess was too high for their results to be proven.
  var unproven: [Int] {
    (0..<count).filter { query in
      guard guesses[query] > -.infinity else { return false }
      return settled[query].count < k || worst(query) < guesses[query]
    }
  }

  /// The best k of all planes per query, best first. The pool is empty afterwards.
  func takeResults() -> [[Hit]] {
    defer { settled = [] }
    return settled.map { list in list.map { $0.hit(metric) } }
  }

  /// Raises the floor to the k-th best lower bound of everything held, and drops what cannot reach it.
  private func prune(_ query: Int) {
    let count = counts.base[query]
    let held = settled[query].count
    guard count + held >= k else { return }
    for index in 0..<held { ranked.base[index] = settled[query][index].score }
    let own = pending.base + query * capacity
    for index in 0..<count { ranked.base[held + index] = own[index].lower }
    raiseFloor(query, to: Rank.largest(k, of: UnsafeBufferPointer(start: ranked.base, count: held + count)))
    // Without branches: about every second row goes.
    let least = leastUpper(query)
    var kept = 0
    for index in 0..<count {
      let candidate = own[index]
      own[kept] = candidate
      kept &+= candidate.upper >= least ? 1 : 0
    }
    counts.base[query] = kept
  }

  /// Gives those of the pending rows their canonical scores that the bounds of all leave.
  private func settle(_ query: Int, _ shouldStop: () -> Bool) throws(VecError) {
    guard let plane else { return }
    if counts.base[query] > k { prune(query) }
    let count = counts.base[query]
    counts.base[query] = 0
    let own = pending.base + query * capacity
    if interests == 1 {
      for index in 0..<count { rows.base[index] = own[index].row }
      try canonical(query, count, plane, shouldStop)
      for index in 0..<count {
        fresh.base[index] = Settled(score: ranked.base[index], id: plane.ids[Int(rows.base[index])])
      }
    } else {
      for index in 0..<count { fresh.base[index] = Settled(score: -.infinity, id: plane.ids[Int(own[index].row)]) }
      for interest in 0..<interests { try score(query, interest, count, plane, shouldStop) }
    }
    // Only now, so that rounding does not hide which interest is the best.
    if let biases { for index in 0..<count { fresh.base[index].score += biases.value(of: own[index].row) } }
    keep(query, count)
  }

  /// The canonical scores of the first `count` of `rows` under a vector, in `ranked`.
  private func canonical(
    _ vector: Int, _ count: Int, _ plane: VectorPlane, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let step = max(1, 65_536 / dimension)
    for start in stride(from: 0, to: count, by: step) {
      let chunk = UnsafeBufferPointer(start: UnsafePointer(rows.base + start), count: min(step, count - start))
      try pacer.spend(4 * chunk.count * dimension, shouldStop)
      settledCount += chunk.count
      CanonicalScore.settle(
        metric, query: queries + vector * dimension, queryNorm: norms[vector], base: plane.base,
        type: plane.elementType, dimension: dimension, rows: chunk, out: ranked.base + start)
    }
  }

  /// Scores the first `count` pending rows under one interest, as far as it offered them.
  private func score(
    _ query: Int, _ interest: Int, _ count: Int, _ plane: VectorPlane, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let own = pending.base + query * capacity
    let bit = UInt8(1) << UInt8(truncatingIfNeeded: interest)
    var chosen = 0
    for index in 0..<count {
      rows.base[chosen] = own[index].row
      places.base[chosen] = Int32(truncatingIfNeeded: index)
      chosen &+= own[index].interests & bit != 0 ? 1 : 0
    }
    try canonical(query * interests + interest, chosen, plane, shouldStop)
    for index in 0..<chosen {
      let place = fresh.base + Int(places.base[index])
      guard ranked.base[index] > place.pointee.score else { continue }
      place.pointee.score = ranked.base[index]
      place.pointee.interest = UInt8(truncatingIfNeeded: interest)
    }
  }

  /// Adds the `count` rows just settled to those of before, and keeps the best k of them in their order.
  private func keep(_ query: Int, _ count: Int) {
    let floor = floors[query]
    let held = settled[query]
    settled[query] = [Settled](unsafeUninitializedCapacity: held.count + count) { all, kept in
      guard let base = all.baseAddress else { return }
      held.withUnsafeBufferPointer { if let from = $0.baseAddress { base.update(from: from, count: $0.count) } }
      kept = held.count
      for index in 0..<count {
        base[kept] = fresh.base[index]
        kept &+= fresh.base[index].score >= floor ? 1 : 0
      }
    }
    Settled.sort(&settled[query])
    guard settled[query].count >= k else { return }
    settled[query].removeLast(settled[query].count - k)
    raiseFloor(query, to: worst(query))
  }

  /// What `Candidate.upper` must reach.
  private func leastUpper(_ query: Int) -> Float {
    interests == 1 ? thresholds.base[query] : max(floors[query], guesses[query])
  }

  /// The least score settled so far.
  private func worst(_ query: Int) -> Float { settled[query].last?.score ?? .infinity }

  private func raiseFloor(_ query: Int, to floor: Float) {
    guard floor > floors[query] else { return }
    floors[query] = floor
    raiseThresholds(query)
  }

  private func raiseThresholds(_ query: Int) {
    let least = max(floors[query], guesses[query])
    for vector in (query << shift)..<((query + 1) << shift) {
      thresholds.base[vector] = bounds[vector].leastKey(reaching: least)
    }
  }
}
