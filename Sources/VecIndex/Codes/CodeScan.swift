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
  /// Rows per k from which a query on its own goes over sketches: of fewer, too many reach the floor by their sketches and are
  /// scored again.
  private static let sketchedRowsPerK = 120
  /// A row that is fetched on its own costs as much as so many that go by one after the other, for a vector on its own and
  /// for one of many.
  private static let scannedPerFetched = (alone: 8, together: 48)
  /// Rows that the guess for a single query looks at, at most.
  static let sampledRows = 4_096

  let kernels: CodeKernels
  let pool: CandidatePool
  let count: Int
  private let blockRows: Int
  let lanes: Int
  /// Vectors scanned in packed groups; the rest, from here on, query by query.
  let grouped: Int
  let codes: VectorCodes
  private let packed: Scratch<Int8>
  private let hits: Scratch<CodeHit>
  let floorSample: FloorSample
  private let sketchPass: SketchPass

  var stride: Int { codes.stride }

  /// - Parameter queries: `count` vectors as the caller gave them, whole queries.
  init(
    kernels: CodeKernels, metric: Metric, queries: UnsafePointer<Float>, count: Int, dimension: Int, pool: CandidatePool
  ) {
    self.kernels = kernels
    self.pool = pool
    self.count = count
    lanes = 2 * kernels.width
    let rest = count % lanes
    // The interests of a query stay together, in a group or on their own.
    grouped = rest <= max(pool.interests, min(Self.singlesMax, kernels.width / 2)) ? count - rest : count
    let padded = (count + lanes - 1) / lanes * lanes
    codes = VectorCodes(
      kernels: kernels, metric: metric, queries: queries, count: count, padded: padded, dimension: dimension, pool: pool)
    blockRows = max(8, min(Self.blockRowsMax, Self.blockBytes / codes.stride))
    packed = Scratch(padded * codes.stride)
    hits = Scratch(blockRows * lanes)
    floorSample = FloorSample(kernels: kernels, codes: codes, pool: pool, room: Self.sampledRows)
    sketchPass = SketchPass(kernels: kernels, codes: codes, pool: pool, blockRows: Self.sketchedRows)
    pack()
  }

  private func pack() {
    packed.base.initialize(repeating: 0, count: packed.count)
    for vector in 0..<grouped {
      let group = vector / lanes * lanes
      let width = vectors(group) * kernels.width
      let first = packed.base + group * stride + 4 * (vector - group)
      let from = codes.tiled.codes.base + vector * stride
      for at in 0..<stride { first[at / 4 * 4 * width + at % 4] = from[at] }
    }
  }

  /// Registers that the group starting at a vector takes.
  private func vectors(_ group: Int) -> Int { min(lanes, grouped - group) > kernels.width ? 2 : 1 }

  func group(_ first: Int) -> CodeGroup {
    let tiled = codes.tiled
    return CodeGroup(
      packed: packed.base + first * stride, vectors: vectors(first), bias: tiled.bias.base + first,
      scale: tiled.scale.base + first, errorWeight: tiled.errorWeight.base + first,
      lengthWeight: tiled.lengthWeight.base + first, least: pool.thresholds.base + first)
  }

  func scan(_ plane: VectorPlane, _ coded: CodePlane, guessing: Bool, _ shouldStop: () -> Bool) throws(VecError) {
    pool.begin(plane, codes.bounds.map { .codes($0) })
    if let mask = plane.mask, fetches(plane) {
      for vector in Swift.stride(from: 0, to: count, by: pool.interests) {
        try sketchPass.fetch(mask, of: coded, first: vector, shouldStop)
      }
      try pool.finish(shouldStop)
      return
    }
    if guessing { try guess(coded, plane.mask, shouldStop) }
    if grouped > 0 {
      var first = 0
      // Floors rise from piece to piece, so the first ones are short: of a few rows every one is a candidate.
      var piece = min(blockRows, Self.firstRows)
      while first < plane.rowCount {
        let rows = min(piece, plane.rowCount - first)
        for start in Swift.stride(from: 0, to: grouped, by: lanes) {
          try pool.pacer.spend(rows * stride * lanes / 4, shouldStop)
          try scanGroup(coded, start, first, rows, shouldStop)
        }
        first += rows
        piece = min(blockRows, 2 * piece)
      }
    }
    for vector in Swift.stride(from: grouped, to: count, by: pool.interests) {
      if pool.interests == 1, coded.sketches == nil || plane.rowCount < Self.sketchedRowsPerK * pool.k {
        try sketchPass.scanBytes(0..<coded.rowCount, of: coded, vector: vector, shouldStop)
      } else if let sketches = coded.sketches {
        try sketchPass.scan(0..<coded.rowCount, of: coded, sketches, plane.mask, first: vector, shouldStop)
      } else {
        try scanBytes(coded, vector, shouldStop)
      }
    }
    try pool.finish(shouldStop)
  }

  /// Whether so few rows may be returned that they are looked at one by one.
  private func fetches(_ plane: VectorPlane) -> Bool {
    let factor = grouped > 0 ? Self.scannedPerFetched.together : Self.scannedPerFetched.alone
    return plane.allowedCount * factor < plane.rowCount
  }

  private func scanGroup(
    _ coded: CodePlane, _ start: Int, _ first: Int, _ rows: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let group = group(start)
    let found = kernels.hits(
      group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: rows, stride: stride,
      out: hits.base)
    let bounds = codes.bounds
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

  /// The vectors of one user against all bytes, where there are no sketches.
  private func scanBytes(_ coded: CodePlane, _ vector: Int, _ shouldStop: () -> Bool) throws(VecError) {
    let own = LaneGroup(kernels: kernels, stride: stride)
    let vectors = Scratch<UInt32>(pool.interests)
    for interest in 0..<pool.interests { vectors.base[interest] = UInt32(truncatingIfNeeded: vector + interest) }
    for first in Swift.stride(from: 0, to: coded.rowCount, by: blockRows) {
      let rows = min(blockRows, coded.rowCount - first)
      try pool.pacer.spend(rows * stride * pool.interests, shouldStop)
      own.pack(
        UnsafeBufferPointer(start: vectors.base, count: pool.interests), codes.tiled, thresholds: pool.thresholds.base)
      let found = kernels.hits(
        own.group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: rows,
        stride: stride, out: hits.base)
      for index in 0..<found {
        let hit = hits.base[index]
        let place = own.place(hit.position)
        try pool.take(
          vector + place.lane, row: first + place.row, key: hit.upper,
          lower: codes.bounds[vector + place.lane].least(hit.lower), shouldStop)
      }
    }
  }
}
