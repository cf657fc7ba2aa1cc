import VecCore
import VecKernels

/// Finds the nearest of many centroids for rows, with the same answer on every CPU.
///
/// |x - c|^2 is least where x.c - |c|^2 / 2 is greatest, so the inner-product tiles do the work at half the price of
/// distances: a row becomes (x, s), a centroid (c, -|c|^2 / 2s), with s a power of two near the rows' norms. "Nearest"
/// means the greatest *canonical* inner product of these, and the least number among equal ones. The float32 score decides
/// alone where the runner-up is further away than both errors (`ScoreBound`); all other rows are settled.
final class NearestCentroid: Sendable {
  /// Rows that share one pass over the centroids: their packed groups stay in the L2 cache.
  static let rowsPerPass = 128
  private static let centroidsPerTile = 64

  let count: Int
  private let dimension: Int
  private let kernels: Kernels
  private let scale: Float
  // Written by init only.
  nonisolated(unsafe) private let centroids: UnsafeMutablePointer<Float>
  private let greatestNorm: Double

  /// - Parameters:
  ///   - values: centroid after centroid, `dimension` finite values each, at least one centroid.
  ///   - greatestNorm: about the greatest norm of rows and centroids.
  init(_ values: [Float], dimension: Int, greatestNorm: Double, kernels: Kernels) {
    self.dimension = dimension
    self.kernels = kernels
    count = values.count / dimension
    let scale = greatestNorm > 1e-30 ? Float(sign: .plus, exponent: Float(greatestNorm).exponent, significand: 1) : 1
    self.scale = scale
    let width = dimension + 1
    centroids = .allocate(capacity: count * width)
    var greatest = 0.0
    for number in 0..<count {
      let to = centroids + number * width
      for at in 0..<dimension { to[at] = values[number * dimension + at] }
      let norm = CanonicalScore.norm(to, dimension: dimension)
      to[dimension] = Float(-norm * norm / (2 * Double(scale)))
      greatest = max(greatest, CanonicalScore.norm(to, dimension: width))
    }
    self.greatestNorm = greatest
  }

  deinit { centroids.deallocate() }

  /// The nearest centroids of `range`'s rows, `rowsPerPass` at most, into `out` by row number.
  func assign(_ rows: ClusterRows, _ range: Range<Int>, of numbers: [UInt32]?, into out: AssignedLists) {
    let lanes = QueryGroup.lanes(kernels)
    let width = dimension + 1
    let groups = (range.count + lanes - 1) / lanes
    let loaded = Scratch<Float>(groups * lanes * width)
    let packed = Scratch<Float>(groups * lanes * width)
    for index in 0..<range.count {
      let row = range.lowerBound + index
      let to = loaded.base + index * width
      rows.load(numbers.map { Int($0[row]) } ?? row, into: to)
      to[dimension] = scale
    }
    for group in 0..<groups {
      QueryGroup.pack(
        loaded.base + group * lanes * width, count: min(lanes, range.count - group * lanes), dimension: width,
        lanes: QueryGroup.vectors(min(lanes, range.count - group * lanes), kernels) * kernels.width,
        into: packed.base + group * lanes * width)
    }
    var race = Race(lanes: groups * lanes)
    for first in stride(from: 0, to: count, by: Self.centroidsPerTile) {
      let step = min(Self.centroidsPerTile, count - first)
      for group in 0..<groups {
        let vectors = QueryGroup.vectors(min(lanes, range.count - group * lanes), kernels)
        race.run(
          kernels, packed: packed.base + group * lanes * width, vectors: vectors, centroids: centroids + first * width,
          firstNumber: first, count: step, dimension: width, firstLane: group * lanes)
      }
    }
    for index in 0..<range.count {
      let row = loaded.base + index * width
      let bound = ScoreBound(
        metric: .ip, dimension: width, queryNorm: CanonicalScore.norm(row, dimension: width),
        greatestNorm: greatestNorm)
      let isClear = race.second.base[index] < bound.leastApprox(reaching: bound.lower(race.best.base[index]))
      out.set(range.lowerBound + index, isClear ? race.number.base[index] : settle(row, bound))
    }
  }

  /// The answer by canonical scores of every centroid that float32 cannot rule out.
  private func settle(_ row: UnsafePointer<Float>, _ bound: ScoreBound) -> UInt32 {
    let width = dimension + 1
    let scores = Scratch<Float>(count)
    let numbers = Scratch<UInt32>(count)
    kernels.score(.ip, query: row, rows: centroids, type: .f32, count: count, dimension: width, out: scores.base)
    var best = -Float.infinity
    for number in 0..<count { best = max(best, scores.base[number]) }
    let found = kernels.select(
      scores.base, count: count, threshold: bound.leastApprox(reaching: bound.lower(best)), out: numbers.base)
    CanonicalScore.settle(
      .ip, query: row, queryNorm: 0, base: centroids, type: .f32, dimension: width,
      rows: UnsafeBufferPointer(start: numbers.base, count: found), out: scores.base)
    var winner = 0
    for index in 1..<max(1, found) where scores.base[index] > scores.base[winner] { winner = index }
    return found > 0 ? numbers.base[winner] : 0
  }
}

/// Where assignments go: any thread writes the rows it was given.
final class AssignedLists: Sendable {
  let count: Int
  // Every element is written by one thread at a time, and read when all threads are done.
  nonisolated(unsafe) let lists: UnsafeMutablePointer<UInt32>

  init(_ count: Int) {
    self.count = count
    lists = .allocate(capacity: max(1, count))
    lists.initialize(repeating: 0, count: count)
  }

  deinit { lists.deallocate() }

  func set(_ row: Int, _ list: UInt32) { lists[row] = list }
}

/// The best and the second best centroid so far, per row of a pass.
private struct Race: ~Copyable {
  let best: Scratch<Float>
  let second: Scratch<Float>
  let number: Scratch<UInt32>
  private let scores: Scratch<Float>
  private let positions: Scratch<UInt32>
  private static let tile = 64 * 64

  init(lanes: Int) {
    best = Scratch(lanes)
    second = Scratch(lanes)
    number = Scratch(lanes)
    scores = Scratch(Self.tile)
    positions = Scratch(Self.tile)
    best.base.initialize(repeating: -.infinity, count: lanes)
    second.base.initialize(repeating: -.infinity, count: lanes)
    number.base.initialize(repeating: 0, count: lanes)
  }

  /// Lets `count` (at most 64) centroids compete for the rows of one packed group.
  mutating func run(
    _ kernels: Kernels, packed: UnsafePointer<Float>, vectors: Int, centroids: UnsafePointer<Float>, firstNumber: Int,
    count: Int, dimension: Int, firstLane: Int
  ) {
    let width = vectors * kernels.width  // a power of two
    let shift = width.trailingZeroBitCount
    kernels.scoreTile(
      .ip, packed: packed, vectors: vectors, rows: centroids, count: count, dimension: dimension, out: scores.base)
    // Only what reaches the second best can change anything. The first tile has no second best yet: few rows at once.
    var done = 0
    while done < count {
      let step = firstNumber + done < 16 ? min(4, count - done) : count - done
      let found = kernels.selectTile(
        scores.base + done * width, count: step, vectors: vectors, thresholds: second.base + firstLane,
        out: positions.base)
      for index in 0..<found {
        let position = Int(positions.base[index])
        let lane = firstLane + (position & (width - 1))
        let score = scores.base[done * width + position]
        if score > best.base[lane] {
          second.base[lane] = best.base[lane]
          best.base[lane] = score
          number.base[lane] = UInt32(truncatingIfNeeded: firstNumber + done + (position >> shift))
        } else if score > second.base[lane] {
          second.base[lane] = score
        }
      }
      done += step
    }
  }
}
