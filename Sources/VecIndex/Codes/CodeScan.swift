import VecCore
import VecKernels

/// Scans the byte codes of a plane for a batch of vectors and hands the rows that may matter to the pool.
///
/// Rows go by in blocks that stay in the L2 cache, so a batch reads memory once; thresholds are compared inside the
/// register tile. Vectors on their own go over sketches, which are half as long, and only what these leave is scored in
/// bytes.
final class CodeScan {
  private static let blockBytes = 262_144
  private static let blockRowsMax = 2_048
  private static let firstRows = 128
  private static let singlesMax = 4
  private static let sketchedRows = 4_096

  let kernels: CodeKernels
  let pool: CandidatePool
  let count: Int
  let stride: Int
  private let blockRows: Int
  let lanes: Int
  /// Vectors scanned in packed groups; the rest, from here on, one by one.
  let grouped: Int
  let codes: [QueryCode]
  let bounds: [CodeBound]
  // Per vector, padded to whole groups.
  private let packed: Scratch<Int8>
  private let bias: Scratch<Int32>
  private let scale: Scratch<Float>
  private let errorWeight: Scratch<Float>
  private let lengthWeight: Scratch<Float>
  private let hits: Scratch<CodeHit>
  let dots: Scratch<Int32>
  let numbers: Scratch<UInt32>
  var pacer = Pacer()

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
    hits = Scratch(max(Self.sketchedRows, blockRows * (grouped > 0 ? lanes : 1)))
    dots = Scratch(max(Self.sketchedRows, blockRows))
    numbers = Scratch(Self.sketchedRows)
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

  func group(_ first: Int) -> CodeGroup {
    CodeGroup(
      packed: packed.base + first * stride, vectors: vectors(first), bias: bias.base + first,
      scale: scale.base + first, errorWeight: errorWeight.base + first, lengthWeight: lengthWeight.base + first,
      least: pool.thresholds.base + first)
  }

  func scan(_ plane: VectorPlane, _ coded: CodePlane, guessing: Bool, _ shouldStop: () -> Bool) throws(VecError) {
    pool.begin(plane, bounds.map { .codes($0) })
    if guessing { try guess(coded, shouldStop) }
    if grouped > 0 {
      var first = 0
      // Floors rise from piece to piece, so the first ones are short: of a few rows every one is a candidate.
      var piece = min(blockRows, Self.firstRows)
      while first < plane.rowCount {
        let rows = min(piece, plane.rowCount - first)
        for start in Swift.stride(from: 0, to: grouped, by: lanes) {
          try pacer.spend(rows * stride * lanes / 4, shouldStop)
          try scanGroup(coded, start, first, rows, shouldStop)
        }
        first += rows
        piece = min(blockRows, 2 * piece)
      }
    }
    for vector in grouped..<count {
      if let sketches = coded.sketches {
        try scanSketches(coded, sketches, vector, shouldStop)
      } else {
        try scanCodes(coded, vector, shouldStop)
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

  /// One vector against all bytes.
  private func scanCodes(_ coded: CodePlane, _ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    let query = codes[vector]
    for first in Swift.stride(from: 0, to: coded.rowCount, by: blockRows) {
      let rows = min(blockRows, coded.rowCount - first)
      try pacer.spend(rows * stride, shouldStop)
      kernels.dots(
        query.codes, bias: query.bias, codes: coded.codes + first * stride, count: rows, stride: stride, out: dots.base)
      let found = kernels.hits(
        group(vector), dots: dots.base, factors: coded.factors, first: first, count: rows, out: hits.base)
      try take(vector, found, from: first, shouldStop)
    }
  }

  /// One vector against all sketches, and the bytes of the rows that these leave.
  private func scanSketches(
    _ coded: CodePlane, _ sketches: SketchRows, _ vector: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    try codes[vector].codes.withUnsafeBufferPointer { (query) throws(VecError) in
      guard let query = query.baseAddress else { return }
      var asked = SketchQuery(
        codes: query, bias: codes[vector].sketchBias, scale: scale.base[vector],
        errorWeight: errorWeight.base[vector], lengthWeight: lengthWeight.base[vector])
      for first in Swift.stride(from: 0, to: coded.rowCount, by: Self.sketchedRows) {
        let count = min(Self.sketchedRows, coded.rowCount - first)
        try pacer.spend(count * stride / 2, shouldStop)
        asked.least = pool.thresholds.base[vector]
        let kept = kernels.hits(asked, sketches: sketches, first: first, count: count, out: numbers.base)
        guard kept > 0 else { continue }
        let rows = UnsafeBufferPointer(start: UnsafePointer(numbers.base), count: kept)
        kernels.dots(
          query, bias: bias.base[vector], codes: coded.codes, stride: stride, rows: rows, out: dots.base)
        let found = kernels.hits(group(vector), dots: dots.base, factors: coded.factors, rows: rows, out: hits.base)
        try take(vector, found, from: 0, shouldStop)
      }
    }
  }

  private func take(
    _ vector: Int, _ found: Int, from first: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    for index in 0..<found {
      let hit = hits.base[index]
      try pool.take(
        vector, row: first + Int(hit.position), key: hit.upper, lower: bounds[vector].least(hit.lower), shouldStop)
    }
  }
}
