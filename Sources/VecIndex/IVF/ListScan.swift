import VecCore
import VecKernels

/// Compares a batch of vectors with the lists that were chosen for them, segment after segment: what one segment gave is
/// the floor that the rows of the next have to reach.
///
/// A floor comes first: where lists are chosen by a margin, and for a large k, it is guessed from a sample of the rows; else,
/// or where a guess was wrong, each query looks at its best lists until a few times k rows are seen. Then the (other) lists,
/// list by list for all vectors that look at it, so a list's rows are read from memory once. Many vectors share register
/// tiles over bytes; few go one by one over sketches, and only what these leave is scored in bytes, or over bytes where k is
/// a large part of the rows.
final class ListScan {
  /// Rows per k in the lists that come first.
  private static let firstRowsPerK = 2
  /// The least k for which a guess pays.
  private static let guessedMin = 128
  /// Rows in the sample of a guess, and how many of the best k are to be among them where that takes more.
  private static let sampledRows = 512...4_096
  private static let sampledBest = 8
  /// Of them one after the other, which are read in order.
  private static let sampledRun = 8
  private static let blockRows = 1_024
  /// Vectors from which a tile is faster than as many sketch scans, of rows up to 64 bytes and of longer ones, whose sketches
  /// save more.
  private static let tiledMin = (short: 3, long: 8)
  /// Rows per k from which a query on its own goes over sketches: of fewer, too many reach the floor by their sketches and are
  /// scored again. What is not in the cache costs more than arithmetic, and bytes are twice as many.
  private static let sketchedRowsPerK = (cached: 300, uncached: 100)
  /// Bytes of codes that a cache is expected to hold.
  private static let cachedBytes = 16 << 20

  private let kernels: CodeKernels
  private let interests: Int
  private let metric: Metric
  private let queries: UnsafePointer<Float>
  private let count: Int
  private let pool: CandidatePool
  private let codes: VectorCodes
  private let lanes: LaneGroup
  private let stride: Int
  private let hits: Scratch<CodeHit>
  private let allowed: Scratch<UInt32>
  private let sketchPass: SketchPass
  private let isGuessing: Bool
  private var bytesFirst = false
  private lazy var floorSample = FloorSample(kernels: kernels, codes: codes, pool: pool, room: 2 * Self.sampledRows.upperBound)
  private var done = IVFWork()

  /// - Parameters:
  ///   - first: any of the segments that will be scanned.
  ///   - guessing: whether floors may be guessed; see `unproven`.
  ///   - certainty: with which a row of the lists is kept that belongs to the best.
  init(
    kernels: CodeKernels, metric: Metric, queries: UnsafePointer<Float>, count: Int, interests: Int, k: Int,
    first: (part: IVFPart, coded: CodePlane), guessing: Bool, certainty: Certainty
  ) {
    isGuessing = guessing
    self.kernels = kernels
    self.metric = metric
    self.queries = queries
    self.count = count
    self.interests = interests
    let dimension = first.part.plane.dimension
    pool = CandidatePool(
      metric: metric, queries: queries, count: count, padded: count, interests: interests, dimension: dimension, k: k)
    codes = VectorCodes(
      kernels: kernels, metric: metric, queries: queries, count: count, padded: count, dimension: dimension, pool: pool,
      certainty: certainty)
    stride = codes.stride
    lanes = LaneGroup(kernels: kernels, stride: stride)
    hits = Scratch(Self.blockRows * lanes.lanes)
    allowed = Scratch(Self.blockRows)
    sketchPass = SketchPass(kernels: kernels, codes: codes, pool: pool, blockRows: Self.blockRows)
  }

  /// The work so far.
  var work: IVFWork {
    var work = done
    work.settled = pool.settledCount
    return work
  }

  /// Queries whose results may not be the best rows of their lists, as a guess was too high.
  var unproven: [Int] { pool.unproven }

  /// The best k rows per query of all segments scanned.
  func takeResults() -> [[Hit]] { pool.takeResults() }

  /// Compares the vectors with the lists of a segment that the plan chooses.
  func scan(_ part: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ shouldStop: () -> Bool) throws(VecError) {
    pool.begin(part.plane, codes.bounds.map { .codes($0) })
    let before = done.rows
    let visits = ListVisits(lists: part.lists.count, interests: interests)
    for query in 0..<(count / interests) {
      let first = query * interests
      try pool.pacer.spend(part.lists.count * stride * interests, shouldStop)
      try choose(part, coded, plan, first, shouldStop)
      try begin(part, coded, plan, first, visits, shouldStop)
    }
    let isCached = part.plane.rowCount * stride <= Self.cachedBytes
    let sketched = isCached ? Self.sketchedRowsPerK.cached : Self.sketchedRowsPerK.uncached
    bytesFirst = (done.rows - before) / (count / interests) < sketched * pool.k
    try visits.forEach { (list, vectors) throws(VecError) in
      try scan(part, coded, part.lists.rows(list), vectors, shouldStop)
    }
    try pool.finish(shouldStop)
  }

  /// The margins of all lists for every vector, in no order, each a query by itself; fewer where floors are not to be guessed.
  func margins(
    _ part: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ shouldStop: () -> Bool
  ) throws(VecError) -> [Float] {
    var all: [Float] = []
    for vector in 0..<count {
      try pool.pacer.spend(part.lists.count * stride, shouldStop)
      all += try plan.margins(
        { score($0, vector, part.plane.dimension) },
        guess: { () throws(VecError) in try floor(part, coded, plan, vector, shouldStop) })
    }
    return all
  }

  private func choose(
    _ part: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ first: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    try plan.choose(
      { ranking, interest in score(ranking, first + interest, part.plane.dimension) },
      guess: { () throws(VecError) in try floor(part, coded, plan, first, shouldStop) })
  }

  private func score(_ ranking: ListRanking, _ vector: Int, _ dimension: Int) {
    ranking.score(
      queries + vector * dimension, metric: metric, norm: pool.norm(vector), code: codes.queries[vector])
  }

  /// Compares a query with its best lists, and notes the others.
  private func begin(
    _ part: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ first: Int, _ visits: ListVisits, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let taken = plan.taken
    done.lists += taken.count
    done.rows += taken.reduce(0) { $0 + part.lists.rows(Int($1)).count }
    if isGuessing {
      var guessed = plan.floor
      if guessed == nil, pool.k >= Self.guessedMin { guessed = try floor(part, coded, plan, first, shouldStop) }
      if let guessed {
        pool.guess(first, floor: guessed)
        return visits.add(taken[...], query: first / interests)
      }
    }
    var rows = 0
    var scanned = 0
    for list in taken {
      let range = part.lists.rows(Int(list))
      if rows < Self.firstRowsPerK * pool.k {
        rows += range.count
        scanned += 1
        try scanFirst(coded, range, first, shouldStop)
      }
    }
    guard scanned < taken.count else { return }
    pool.tighten(first / interests)
    visits.add(taken[scanned...], query: first / interests)
  }

  /// A floor guessed from rows of the lists that a query takes; nil where they are too few.
  private func floor(
    _ part: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ first: Int, _ shouldStop: () -> Bool
  ) throws(VecError) -> Float? {
    let wanted = Self.sampledBest * plan.rows / plan.floorK
    let step = plan.rows / min(max(wanted, Self.sampledRows.lowerBound), Self.sampledRows.upperBound) + 1
    let count = sample(part, plan.taken, step: step)
    let rank = FloorSample.rank(k: plan.floorK, sample: 1, of: step)
    guard rank <= count / 4 else { return nil }
    try pool.pacer.spend(count * stride * interests, shouldStop)
    if part.margin != nil { done.sampled += count }
    return floorSample.floor(count, rank: rank, of: coded, first: first, inRuns: part.mask == nil)
  }

  /// Rows of lists for `floorSample`: one of `step` of those that may be returned, in runs where all may.
  private func sample(_ part: IVFPart, _ taken: [UInt32], step: Int) -> Int {
    let out = floorSample.rows.base
    var count = 0
    // The rows of all lists count through, so that short lists have their share as well.
    var next = step / 2
    for list in taken {
      var range = part.lists.rows(Int(list))
      guard let mask = part.mask else {
        while next < range.count {
          for place in next..<min(range.count, next + Self.sampledRun) {
            out[count] = UInt32(truncatingIfNeeded: range.lowerBound + place)
            count += 1
          }
          next += step * Self.sampledRun
        }
        next -= range.count
        continue
      }
      while !range.isEmpty {
        let (found, rest) = mask.collect(range, into: allowed.base, room: Self.blockRows)
        range = rest..<range.upperBound
        while next < found {
          out[count] = allowed.base[next]
          (count, next) = (count + 1, next + step)
        }
        next -= found
      }
    }
    return count
  }

  /// One query against all rows of a range.
  private func scanFirst(
    _ coded: CodePlane, _ range: Range<Int>, _ first: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    guard interests > 1 else { return try sketchPass.scanBytes(range, of: coded, vector: first, shouldStop) }
    try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: interests) { (vectors) throws(VecError) in
      for interest in 0..<interests { vectors[interest] = UInt32(truncatingIfNeeded: first + interest) }
      try scanTiles(coded, range, UnsafeBufferPointer(vectors), shouldStop)
    }
  }

  /// The rows of a list against the vectors that look at it.
  private func scan(
    _ part: IVFPart, _ coded: CodePlane, _ range: Range<Int>, _ vectors: UnsafeBufferPointer<UInt32>,
    _ shouldStop: () -> Bool
  ) throws(VecError) {
    let tiledMin = (stride <= 64 ? Self.tiledMin.short : Self.tiledMin.long) * (interests > 1 ? 2 : 1)
    var next = 0
    while next < vectors.count {
      // Whole queries, because a group of lanes holds a multiple of their vectors.
      let some = UnsafeBufferPointer(rebasing: vectors[next..<min(vectors.count, next + lanes.lanes)])
      next += some.count
      let isTiled = some.count >= tiledMin || bytesFirst && interests > 1
      if isTiled || coded.sketches == nil {
        try scanTiles(coded, range, some, shouldStop)
      } else if bytesFirst {
        for vector in some { try sketchPass.scanBytes(range, of: coded, vector: Int(vector), shouldStop) }
      } else if let sketches = coded.sketches {
        for place in Swift.stride(from: 0, to: some.count, by: interests) {
          try sketchPass.scan(range, of: coded, sketches, part.plane.mask, first: Int(some[place]), shouldStop)
        }
      }
    }
  }

  private func scanTiles(
    _ coded: CodePlane, _ range: Range<Int>, _ vectors: UnsafeBufferPointer<UInt32>, _ shouldStop: () -> Bool
  ) throws(VecError) {
    lanes.pack(vectors, codes.tiled, thresholds: pool.thresholds.base)
    let group = lanes.group
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: Self.blockRows) {
      let rows = min(Self.blockRows, range.upperBound - first)
      try pool.pacer.spend(rows * stride * lanes.lanes / 4, shouldStop)
      let found = kernels.hits(
        group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: rows, stride: stride,
        out: hits.base)
      for index in 0..<found {
        let place = lanes.place(hits.base[index].position)
        try take(Int(vectors[place.lane]), row: first + place.row, hits.base[index], shouldStop)
      }
    }
  }

  @inline(__always)
  private func take(_ vector: Int, row: Int, _ hit: CodeHit, _ shouldStop: () -> Bool) throws(VecError) {
    try pool.take(vector, row: row, key: hit.upper, lower: codes.bounds[vector].least(hit.lower), shouldStop)
  }
}
