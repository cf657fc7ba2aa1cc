import VecCore
import VecKernels

/// Scans the byte codes of a plane for a batch of vectors and hands the rows that may matter to the pool.
///
/// Rows go by in blocks that stay in the L2 cache, so a batch reads memory once; thresholds are compared inside the
/// register tile. A floor is guessed first from a sample, so that few rows are collected from the beginning.
final class CodeScan {
  private static let blockBytes = 262_144
  private static let blockRowsMax = 2_048
  private static let singlesMax = 4
  /// Tiles in a sample; a guess is the score of one of the best quarter of them.
  private static let sampleTiles = 512

  private let kernels: CodeKernels
  private let pool: CandidatePool
  private let count: Int
  private let stride: Int
  private let blockRows: Int
  private let lanes: Int
  /// Vectors scanned in packed groups; the rest, from here on, one by one.
  private let grouped: Int
  private let codes: [QueryCode]
  private let bounds: [CodeBound]
  // Per vector, padded to whole groups.
  private let packed: Scratch<Int8>
  private let bias: Scratch<Int32>
  private let scale: Scratch<Float>
  private let errorWeight: Scratch<Float>
  private let lengthWeight: Scratch<Float>
  private let hits: Scratch<CodeHit>
  private let dots: Scratch<Int32>
  private var pacer = Pacer()

  /// - Parameter queries: `count` vectors as the caller gave them.
  init(
    kernels: CodeKernels, metric: Metric, queries: UnsafePointer<Float>, count: Int, dimension: Int, pool: CandidatePool
  ) {
    self.kernels = kernels
    self.pool = pool
    self.count = count
    let stride = RowCode.stride(dimension: dimension)
    self.stride = stride
    lanes = 2 * kernels.width
    let rest = count % lanes
    grouped = rest <= min(Self.singlesMax, kernels.width / 2) ? count - rest : count
    blockRows = max(8, min(Self.blockRowsMax, Self.blockBytes / stride))
    let codes = (0..<count).map { QueryCode(queries + $0 * dimension, dimension: dimension, metric: metric) }
    bounds = codes.indices.map { CodeBound(metric: metric, queryNorm: pool.norm($0), code: codes[$0]) }
    self.codes = codes
    let padded = (count + lanes - 1) / lanes * lanes
    packed = Scratch(padded * stride)
    bias = Scratch(padded)
    scale = Scratch(padded)
    errorWeight = Scratch(padded)
    lengthWeight = Scratch(padded)
    hits = Scratch(blockRows * (grouped > 0 ? lanes : 1))
    dots = Scratch(blockRows)
    prepare(padded)
  }

  private func prepare(_ padded: Int) {
    packed.base.initialize(repeating: 0, count: packed.count)
    for vector in 0..<padded {
      let isUsed = vector < count
      bias.base[vector] = isUsed ? codes[vector].bias : 0
      scale.base[vector] = isUsed ? codes[vector].scale : 0
      errorWeight.base[vector] = isUsed ? bounds[vector].errorWeight : 0
      lengthWeight.base[vector] = isUsed ? bounds[vector].lengthWeight : 0
    }
    for vector in 0..<grouped {
      let group = vector / lanes * lanes
      let width = vectors(group) * kernels.width
      let first = packed.base + group * stride + 4 * (vector - group)
      for at in 0..<stride { first[at / 4 * 4 * width + at % 4] = codes[vector].codes[at] }
    }
  }

  /// Registers that the group starting at a vector takes.
  private func vectors(_ group: Int) -> Int { min(lanes, grouped - group) > kernels.width ? 2 : 1 }

  private func group(_ first: Int) -> CodeGroup {
    CodeGroup(
      packed: packed.base + first * stride, vectors: vectors(first), bias: bias.base + first,
      scale: scale.base + first, errorWeight: errorWeight.base + first, lengthWeight: lengthWeight.base + first,
      least: pool.thresholds.base + first)
  }

  func scan(_ plane: VectorPlane, _ coded: CodePlane, guessing: Bool, _ shouldStop: () -> Bool) throws(VecError) {
    pool.begin(plane, bounds.map { .codes($0) })
    if guessing { try guess(plane.rowCount, coded, shouldStop) }
    for first in Swift.stride(from: 0, to: plane.rowCount, by: blockRows) {
      let rows = min(blockRows, plane.rowCount - first)
      for start in Swift.stride(from: 0, to: grouped, by: lanes) {
        try pacer.spend(rows * stride * lanes / 4, shouldStop)
        try scanGroup(coded, start, first, rows, shouldStop)
      }
      for vector in grouped..<count {
        try pacer.spend(rows * stride, shouldStop)
        try scanOne(coded, vector, first, rows, shouldStop)
      }
    }
    try pool.finish(shouldStop)
  }

  private func scanGroup(
    _ coded: CodePlane, _ start: Int, _ first: Int, _ rows: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let group = group(start)
    let found = kernels.hits(
      group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: rows, stride: stride,
      out: hits.base)
    let width = group.vectors * kernels.width  // a power of two
    let shift = width.trailingZeroBitCount
    for index in 0..<found {
      let hit = hits.base[index]
      let vector = start + (Int(hit.position) & (width - 1))
      try pool.take(
        vector, row: first + Int(hit.position) >> shift, key: hit.upper, lower: bounds[vector].least(hit.lower),
        shouldStop)
    }
  }

  private func scanOne(
    _ coded: CodePlane, _ vector: Int, _ first: Int, _ rows: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let query = codes[vector]
    kernels.dots(
      query.codes, bias: query.bias, codes: coded.codes + first * stride, count: rows, stride: stride, out: dots.base)
    let found = kernels.hits(
      group(vector), dots: dots.base, factors: coded.factors, first: first, count: rows, out: hits.base)
    for index in 0..<found {
      let hit = hits.base[index]
      try pool.take(
        vector, row: first + Int(hit.position), key: hit.upper, lower: bounds[vector].least(hit.lower), shouldStop)
    }
  }

  /// Guesses floors from tiles spread evenly over the rows. Of the k best rows, m = k * sample / rows are expected in
  /// the sample; the guess is the score of the tile of rank m + 3 sqrt(m) + 2, which is too high about once in thousands.
  private func guess(_ rowCount: Int, _ coded: CodePlane, _ shouldStop: () -> Bool) throws(VecError) {
    let tiles = Self.sampleTiles
    let tileRows = kernels.tileRows
    let expected = Double(pool.k) * Double(tiles * tileRows) / Double(rowCount)
    let rank = Int(expected + 3 * expected.squareRoot() + 2)
    guard grouped > 0, rowCount >= 4 * tiles * tileRows, rank <= tiles / 4 else { return }
    let peaks = Scratch<Float>(tiles * lanes)
    let column = Scratch<Float>(tiles)
    for start in Swift.stride(from: 0, to: grouped, by: lanes) {
      let group = group(start)
      let width = group.vectors * kernels.width
      try pacer.spend(tiles * tileRows * stride * lanes / 4, shouldStop)
      for tile in 0..<tiles {
        let first = tile * (rowCount - tileRows) / (tiles - 1)
        kernels.peaks(
          group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: tileRows,
          stride: stride, out: peaks.base + tile * width)
      }
      for lane in 0..<min(width, grouped - start) {
        for tile in 0..<tiles { column.base[tile] = peaks.base[tile * width + lane] }
        let peak = Rank.largest(rank, of: UnsafeBufferPointer(start: column.base, count: tiles))
        pool.guess(start + lane, floor: bounds[start + lane].score(peak))
      }
    }
  }
}
