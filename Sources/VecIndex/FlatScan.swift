import VecCore
import VecKernels

/// Scores every row of a plane against a batch of vectors and hands the good ones to the pool.
///
/// Rows go by in blocks that stay in the L2 cache beside a packed group, so a batch reads memory once. A batch is cut
/// into groups of two registers of vectors for the tile kernels; a rest of a few vectors is faster one by one.
final class FlatScan {
  private static let blockBytes = 262_144
  private static let blockRowsMax = 512
  private static let singlesMax = 5

  private let kernels: Kernels
  private let metric: Metric
  private let dimension: Int
  private let pool: CandidatePool
  private let blockRows: Int
  private let lanes: Int
  /// Vectors scored in packed groups; the rest, from here on, one by one.
  private let grouped: Int
  private let count: Int
  /// What the kernels score: the vectors, under cosine divided by their norm.
  private let queries: Scratch<Float>
  private let packed: Scratch<Float>
  private let wide: Scratch<Float>
  private let scores: Scratch<Float>
  private let positions: Scratch<UInt32>
  private var bounds: [ScoreBound] = []

  init(
    kernels: Kernels, metric: Metric, queries given: UnsafePointer<Float>, count: Int, dimension: Int,
    pool: CandidatePool
  ) {
    self.kernels = kernels
    self.metric = metric
    self.dimension = dimension
    self.pool = pool
    self.count = count
    lanes = QueryGroup.lanes(kernels)
    let rest = count % lanes
    // The interests of a query stay in one group, so that they say one after the other what they say of a row.
    grouped = pool.interests == 1 && rest <= min(Self.singlesMax, kernels.width - 1) ? count - rest : count
    blockRows = max(8, min(Self.blockRowsMax, Self.blockBytes / (4 * dimension)) & ~7)
    queries = Scratch(count * dimension)
    packed = Scratch((grouped + lanes - 1) / lanes * lanes * dimension)
    wide = Scratch(grouped > 0 ? blockRows * dimension : 0)
    scores = Scratch(blockRows * (grouped > 0 ? lanes : 1))
    positions = Scratch(blockRows * (grouped > 0 ? lanes : 1))
    prepare(given)
  }

  private func prepare(_ given: UnsafePointer<Float>) {
    for vector in 0..<count {
      let norm = metric == .cosine ? pool.norm(vector) : 1
      for at in (vector * dimension)..<((vector + 1) * dimension) {
        queries.base[at] = metric == .cosine ? Float(Double(given[at]) / norm) : given[at]
      }
    }
    for first in stride(from: 0, to: grouped, by: lanes) {
      let width = min(lanes, grouped - first)
      QueryGroup.pack(
        queries.base + first * dimension, count: width, dimension: dimension,
        lanes: QueryGroup.vectors(width, kernels) * kernels.width, into: packed.base + first * dimension)
    }
  }

  func scan(_ plane: VectorPlane, _ shouldStop: () -> Bool) throws(VecError) {
    let bounds = (0..<count).map { vector in
      ScoreBound(
        metric: metric, dimension: dimension, queryNorm: pool.norm(vector), greatestNorm: Double(plane.greatestNorm))
    }
    self.bounds = bounds
    pool.begin(plane, bounds.map { .elements($0) })
    for first in stride(from: 0, to: plane.rowCount, by: blockRows) {
      let rows = min(blockRows, plane.rowCount - first)
      try pool.pacer.spend(rows * dimension * count, shouldStop)
      if grouped > 0 { try scanGroups(plane, first, rows, shouldStop) }
      for vector in grouped..<count { try scanOne(plane, vector, first, rows, shouldStop) }
    }
    try pool.finish(shouldStop)
  }

  private func scanOne(
    _ plane: VectorPlane, _ vector: Int, _ first: Int, _ rows: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    kernels.score(
      metric, query: queries.base + vector * dimension, rows: plane.row(first), type: plane.elementType, count: rows,
      dimension: dimension, out: scores.base)
    if metric == .cosine, let inverse = plane.inverseNorms {
      kernels.scale(scores.base, by: inverse + first, count: rows, lanes: 1)
    }
    let found = kernels.select(
      scores.base, count: rows, threshold: pool.thresholds.base[vector], out: positions.base)
    for index in 0..<found {
      let row = Int(positions.base[index])
      let key = scores.base[row]
      try pool.take(vector, row: first + row, key: key, lower: bounds[vector].lower(key), shouldStop)
    }
  }

  private func scanGroups(
    _ plane: VectorPlane, _ first: Int, _ rows: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    var block = plane.row(first)
    if plane.elementType != .f32 {
      kernels.widen(block, type: plane.elementType, count: rows * dimension, to: wide.base)
      block = UnsafeRawPointer(wide.base)
    }
    for group in stride(from: 0, to: grouped, by: lanes) {
      let vectors = QueryGroup.vectors(min(lanes, grouped - group), kernels)
      let width = vectors * kernels.width  // a power of two
      kernels.scoreTile(
        metric, packed: packed.base + group * dimension, vectors: vectors, rows: block, count: rows,
        dimension: dimension, out: scores.base)
      if metric == .cosine, let inverse = plane.inverseNorms {
        kernels.scale(scores.base, by: inverse + first, count: rows, lanes: width)
      }
      let found = kernels.selectTile(
        scores.base, count: rows, vectors: vectors, thresholds: pool.thresholds.base + group, out: positions.base)
      let shift = width.trailingZeroBitCount
      for index in 0..<found {
        let position = Int(positions.base[index])
        let vector = group + (position & (width - 1))
        let key = scores.base[position]
        try pool.take(
          vector, row: first + (position >> shift), key: key, lower: bounds[vector].lower(key), shouldStop)
      }
    }
  }
}
