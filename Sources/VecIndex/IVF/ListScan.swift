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
  private let numbers: Scratch<UInt32>
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
    pool = CandidatePool(metric: metric, queries: queries, count: count, padded: count, dimension: dimension, k: k)
    codes = VectorCodes(metric: metric, queries: queries, count: count, dimension: dimension, pool: pool)
    stride = codes.stride
    lanes = LaneGroup(kernels: kernels, stride: stride)
    hits = Scratch(Self.blockRows * lanes.lanes)
    dots = Scratch(Self.blockRows)
    numbers = Scratch(Self.blockRows)
  }

  /// The work so far.
  var work: IVFWork {
    var work = done
    work.settled = pool.settledCount
    return work
  }

  /// The best k rows per vector of all segments scanned.
  func takeResults() -> [[Settled]] { pool.takeResults() }

  /// Compares the vectors with the lists of a segment that the plan chooses.
  func scan(_ next: IVFPart, _ coded: CodePlane, _ plan: ProbePlan, _ shouldStop: () -> Bool) throws(VecError) {
    (part, self.coded) = (next, coded)
    let dimension = part.plane.dimension
    pool.begin(part.plane, codes.bounds.map { .codes($0) })
    let visits = ListVisits(lists: part.lists.count)
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
      done.rows += range.count * interests
      if rows < Self.firstRowsPerK * pool.k {
        rows += range.count
        scanned += 1
        for vector in first..<(first + interests) { try scanBytes(range, vector, shouldStop) }
      }
    }
    guard scanned < taken.count else { return }
    for vector in first..<(first + interests) {
      pool.tighten(vector)
      visits.add(taken[scanned...], vector)
    }
  }

  private func scan(
    _ list: Int, _ vectors: UnsafeBufferPointer<UInt32>, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let range = part.lists.rows(list)
    var next = 0
    while next < vectors.count {
      let some = UnsafeBufferPointer(rebasing: vectors[next..<min(vectors.count, next + lanes.lanes)])
      next += some.count
      if some.count >= Self.tiledMin || coded.sketches == nil && some.count > 1 {
        try scanTiles(range, some, shouldStop)
      } else {
        for vector in some { try scanSketches(range, Int(vector), shouldStop) }
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

  /// One vector against the sketches of a range, and the bytes of the rows that these leave.
  private func scanSketches(_ range: Range<Int>, _ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    guard let sketches = coded.sketches else { return try scanBytes(range, vector, shouldStop) }
    let group = codes.single(vector, thresholds: pool.thresholds.base)
    let start = range.lowerBound / RowSketch.blockRows * RowSketch.blockRows
    for first in Swift.stride(from: start, to: range.upperBound, by: Self.blockRows) {
      let rows = min(Self.blockRows, range.upperBound - first)
      try pacer.spend(rows * stride / 2, shouldStop)
      let asked = SketchQuery(
        codes: group.packed, bias: codes.queries[vector].sketchBias, scale: group.scale[0],
        errorWeight: group.errorWeight[0], lengthWeight: group.lengthWeight[0], least: group.least[0])
      let kept = kernels.hits(asked, sketches: sketches, first: first, count: rows, out: numbers.base)
      // The first block may begin with rows of the list before.
      var other = 0
      while other < kept, Int(numbers.base[other]) < range.lowerBound { other += 1 }
      guard other < kept else { continue }
      let left = UnsafeBufferPointer(start: UnsafePointer(numbers.base + other), count: kept - other)
      kernels.dots(
        group.packed, bias: group.bias[0], codes: coded.codes, stride: stride, rows: left, out: dots.base)
      let found = kernels.hits(group, dots: dots.base, factors: coded.factors, rows: left, out: hits.base)
      for index in 0..<found {
        try take(vector, row: Int(hits.base[index].position), hits.base[index], shouldStop)
      }
    }
  }

  @inline(__always)
  private func take(_ vector: Int, row: Int, _ hit: CodeHit, _ shouldStop: () -> Bool) throws(VecError) {
    if let mask = part.mask, !mask.allows(UInt32(truncatingIfNeeded: row)) { return }
    try pool.take(vector, row: row, key: hit.upper, lower: codes.bounds[vector].least(hit.lower), shouldStop)
  }
}
