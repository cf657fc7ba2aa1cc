import VecCore
import VecKernels

// Floors guessed from samples (`FloorSample`): of tiles for vectors that share them, of rows for the others.
extension CodeScan {
  /// Tiles in the sample of a group; a guess is the best score of a tile among the best quarter of them.
  private static let sampleTiles = 512

  /// - Parameter mask: samples are of rows that may be returned, which need not be like the others.
  func guess(_ coded: CodePlane, _ mask: RowMask?, _ shouldStop: () -> Bool) throws(VecError) {
    let tileRows = kernels.tileRows
    let rank = FloorSample.rank(k: pool.k, sample: Self.sampleTiles * tileRows, of: max(1, coded.rowCount))
    if grouped > 0, mask == nil, coded.rowCount >= 4 * Self.sampleTiles * tileRows, rank <= Self.sampleTiles / 4 {
      for start in Swift.stride(from: 0, to: grouped, by: lanes) { try guessGroup(coded, start, rank, shouldStop) }
    }
    for vector in Swift.stride(from: grouped, to: count, by: pool.interests) {
      try guessOne(coded, mask, vector, shouldStop)
    }
  }

  private func guessGroup(_ coded: CodePlane, _ start: Int, _ rank: Int, _ shouldStop: () -> Bool) throws(VecError) {
    let tiles = Self.sampleTiles
    let tileRows = kernels.tileRows
    let group = group(start)
    let width = group.vectors * kernels.width
    let peaks = Scratch<Float>(tiles * lanes)
    let column = Scratch<Float>(tiles)
    try pool.pacer.spend(tiles * tileRows * stride * lanes / 4, shouldStop)
    for tile in 0..<tiles {
      let first = tile * (coded.rowCount - tileRows) / (tiles - 1)
      kernels.peaks(
        group, codes: coded.codes + first * stride, factors: coded.factors, first: first, count: tileRows,
        stride: stride, out: peaks.base + tile * width)
    }
    for lane in 0..<min(width, grouped - start) {
      for tile in 0..<tiles { column.base[tile] = peaks.base[tile * width + lane] }
      let peak = Rank.largest(rank, of: UnsafeBufferPointer(start: column.base, count: tiles))
      pool.guess(start + lane, floor: codes.bounds[start + lane].score(peak))
    }
  }

  /// Single rows, so that a sample of rows in cluster order is not a sample of clusters.
  private func guessOne(
    _ coded: CodePlane, _ mask: RowMask?, _ vector: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let wanted = min(Self.sampledRows, max(256, coded.rowCount / 64))
    guard wanted <= coded.rowCount / 4 else { return }
    var sample = 0
    for index in 0..<wanted {
      let place = index * coded.rowCount / wanted
      guard let row = mask?.first(in: place..<((index + 1) * coded.rowCount / wanted)) ?? (mask == nil ? place : nil) else {
        continue
      }
      floorSample.rows.base[sample] = UInt32(truncatingIfNeeded: row)
      sample += 1
    }
    let allowed = mask?.allowedCount(of: coded.rowCount) ?? coded.rowCount
    let rank = FloorSample.rank(k: pool.k, sample: sample, of: allowed)
    guard rank <= sample / 4 else { return }
    try pool.pacer.spend(sample * stride * pool.interests, shouldStop)
    floorSample.guess(sample, rank: rank, of: coded, first: vector)
  }
}
