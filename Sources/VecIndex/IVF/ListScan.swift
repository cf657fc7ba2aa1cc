import VecCore
import VecKernels

/// Compares a batch of vectors with the lists that were chosen for them, segment after segment: what one segment gave is
/// the floor that the rows of the next have to reach.
///
/// First each vector's best lists, until a few times k rows are seen: they give the floor. Then the others, list by list
/// for all vectors that look at it, so a list's rows are read from memory once. Many vectors share register tiles over
/// bytes; few go over sketches one by one, and only what these leave is scored in bytes.
final class ListScan {
  /// Rows per k in the lists that come first.
  private static let firstRowsPerK = 2
  private static let blockRows = 1_024
  /// Vectors from which a tile is faster than as many sketch scans.
  private static let tiledMin = 8

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
  private let dots: Scratch<Int32>
  private let sketchPass: SketchPass
  private var pacer = Pacer()
  private var done = IVFWork()
  /// The segment that is scanned now.
  private var part: IVFPart
  private var coded: CodePlane

  /// - Parameter first: any of the segments that will be scanned.
  init(
    kernels: CodeKernels, metric: Metric, queries: UnsafePointer<Float>, count: Int, interests: Int, k: Int,
    first: (part: IVFPart, coded: CodePlane)
  ) {
    self.kernels = kernels
    self.metric = metric
    self.queries = queries
    self.count = count
    self.interests = interests
    (part, coded) = first
    let dimension = part.plane.dimension
    pool = CandidatePool(
      metric: metric, queries: queries, count: count, padded: count, interests: interests, dimension: dimension, k: k)
    codes = VectorCodes(
      metric: metric, queries: queries, count: count, padded: count, dimension: dimension, pool: pool)
    stride = codes.stride
    lanes = LaneGroup(kernels: kernels, stride: stride)
    hits = Scratch(Self.blockRows * lanes.lanes)
    dots = Scratch(Self.blockRows)
    sketchPass = SketchPass(kernels: kernels, codes: codes, pool: pool, blockRows: Self.blockRows)
  }

  /// The work so far.
  var work: IVFWork {
    var work = done
    work.settled = pool.settledCount
    return work
  }

  /// The best k rows per query of all segments scanned.
  func takeResults() -> [[Hit]] { pool.takeResults() }

  /// Compares the vectors with the lists of a segment that the plan chooses.
  func scan(_ next: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ shouldStop: () -> Bool) throws(VecError) {
    (part, self.coded) = (next, coded)
    let dimension = part.plane.dimension
    pool.begin(part.plane, codes.bounds.map { .codes($0) })
    let visits = ListVisits(lists: part.lists.count, interests: interests)
    for query in 0..<(count / interests) {
      let first = query * interests
      try pacer.spend(part.lists.count * stride * interests, shouldStop)
      plan.choose { ranking, interest in
        let vector = first + interest
        ranking.score(
          queries + vector * dimension, metric: metric, norm: pool.norm(vector), code: codes.queries[vector])
      }
      try begin(plan.taken, first, visits, shouldStop)
    }
    try visits.forEach { (list, vectors) throws(VecError) in try scan(list, vectors, shouldStop) }
    try pool.finish(shouldStop)
  }

  /// Compares a query with its best lists, and notes the others.
  private func begin(
    _ taken: [UInt32], _ first: Int, _ visits: ListVisits, _ shouldStop: () -> Bool
  ) throws(VecError) {
    done.lists += taken.count
    var rows = 0
    var scanned = 0
    for list in taken {
      let range = part.lists.rows(Int(list))
      done.rows += range.count
      if rows < Self.firstRowsPerK * pool.k {
        rows += range.count
        scanned += 1
        try scanFirst(range, first, shouldStop)
      }
    }
    guard scanned < taken.count else { return }
    pool.tighten(first / interests)
    visits.add(taken[scanned...], query: first / interests)
  }

  /// One query against all rows of a range.
  private func scanFirst(_ range: Range<Int>, _ first: Int, _ shouldStop: () -> Bool) throws(VecError) {
    guard interests > 1 else { return try scanBytes(range, first, shouldStop) }
    try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: interests) { (vectors) throws(VecError) in
      for interest in 0..<interests { vectors[interest] = UInt32(truncatingIfNeeded: first + interest) }
      try scanTiles(range, UnsafeBufferPointer(vectors), shouldStop)
    }
  }

  private func scan(
    _ list: Int, _ vectors: UnsafeBufferPointer<UInt32>, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let range = part.lists.rows(list)
    var next = 0
    while next < vectors.count {
      // Whole queries, because a group of lanes holds a multiple of their vectors.
      let some = UnsafeBufferPointer(rebasing: vectors[next..<min(vectors.count, next + lanes.lanes)])
      next += some.count
      if some.count >= Self.tiledMin * (interests > 1 ? 2 : 1) || coded.sketches == nil {
        try scanTiles(range, some, shouldStop)
      } else if let sketches = coded.sketches {
        for place in Swift.stride(from: 0, to: some.count, by: interests) {
          try sketchPass.scan(range, of: coded, sketches, part.plane.mask, first: Int(some[place]), shouldStop)
        }
      }
    }
  }

  private func scanTiles(
    _ range: Range<Int>, _ vectors: UnsafeBufferPointer<UInt32>, _ shouldStop: () -> Bool
  ) throws(VecError) {
    lanes.pack(vectors, codes, thresholds: pool.thresholds.base)
    let group = lanes.group
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: Self.blockRows) {
      let rows = min(Self.blockRows, range.upperBound - first)
      try pacer.spend(rows * stride * lanes.lanes / 4, shouldStop)
      let found = kernels.hits(
        group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: rows, stride: stride,
        out: hits.base)
      for index in 0..<found {
        let place = lanes.place(hits.base[index].position)
        try take(Int(vectors[place.lane]), row: first + place.row, hits.base[index], shouldStop)
      }
    }
  }

  /// One vector against all bytes of a range.
  private func scanBytes(_ range: Range<Int>, _ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    let group = codes.single(vector, thresholds: pool.thresholds.base)
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: Self.blockRows) {
      let rows = min(Self.blockRows, range.upperBound - first)
      try pacer.spend(rows * stride, shouldStop)
      kernels.dots(
        group.packed, bias: group.bias[0], codes: coded.codes + first * stride, count: rows, stride: stride,
        out: dots.base)
      let found = kernels.hits(
        group, dots: dots.base, factors: coded.factors, first: first, count: rows, out: hits.base)
      for index in 0..<found {
        try take(vector, row: first + Int(hits.base[index].position), hits.base[index], shouldStop)
      }
    }
  }

  @inline(__always)
  private func take(_ vector: Int, row: Int, _ hit: CodeHit, _ shouldStop: () -> Bool) throws(VecError) {
    try pool.take(vector, row: row, key: hit.upper, lower: codes.bounds[vector].least(hit.lower), shouldStop)
  }
}
