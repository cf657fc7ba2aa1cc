import VecCore
import VecKernels

/// Lloyd's k-means over a sample of rows, deterministic: stratified sample and start by seed, exact nearest centroids,
/// sums in double in the order of the sample.
///
/// An empty cluster takes half of the largest one: both get its centroid, moved apart by a little (as in Faiss).
struct KMeans {
  /// Rows that are assigned between two questions whether to stop.
  private static let stepRows = 65_536
  private static let pieceRows = 1_024

  let rows: ClusterRows
  let listCount: Int
  let parameters: IVFParameters
  let kernels: Kernels
  let team: WorkTeam
  /// Told work done, in rows assigned.
  let step: (Int) throws(VecError) -> Void

  /// Rows of the sample.
  var sampleCount: Int { min(rows.count, listCount * parameters.sampleRowsPerList) }

  /// The centroids, one after the other.
  func train() throws(VecError) -> [Float] {
    var generator = SplitMix64(seed: parameters.seed)
    let sample = Self.strata(rows.count, sampleCount, &generator)
    var centroids = load(Self.strata(sample.count, listCount, &generator).map { sample[$0] })
    for _ in 0..<parameters.iterations {
      let lists = try assign(sample, to: centroids)
      centroids = means(sample, lists, from: centroids)
    }
    return centroids
  }

  /// The nearest centroid of every row.
  func assignAll(to centroids: [Float]) throws(VecError) -> [UInt32] {
    try assign(nil, to: centroids)
  }

  /// One number out of each of `count` equal parts of `0..<total`: distinct, ascending, and random.
  private static func strata(_ total: Int, _ count: Int, _ generator: inout SplitMix64) -> [Int] {
    (0..<count).map { part in
      let from = part * total / count
      let to = max(from + 1, (part + 1) * total / count)
      return from + Int(generator.next() % UInt64(to - from))
    }
  }

  private func load(_ chosen: [Int]) -> [Float] {
    [Float](unsafeUninitializedCapacity: chosen.count * rows.dimension) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      for (place, row) in chosen.enumerated() { rows.load(row, into: base + place * rows.dimension) }
      count = chosen.count * rows.dimension
    }
  }

  /// - Parameter chosen: rows to assign; nil for all.
  private func assign(_ chosen: [Int]?, to centroids: [Float]) throws(VecError) -> [UInt32] {
    let index = try CentroidIndex(centroids, dimension: rows.dimension, metric: .l2, kernels: kernels)
    let total = chosen?.count ?? rows.count
    let assignment = Assignment(total)
    for start in stride(from: 0, to: total, by: Self.stepRows) {
      let count = min(Self.stepRows, total - start)
      team.forEach(count, step: Self.pieceRows) { [rows] _, piece in
        let vectors = Scratch<Float>(piece.count * rows.dimension)
        for (place, number) in piece.enumerated() {
          rows.load(chosen?[start + number] ?? start + number, into: vectors.base + place * rows.dimension)
        }
        let buffer = UnsafeBufferPointer(start: vectors.base, count: piece.count * rows.dimension)
        let found = (try? index.nearest(buffer, k: 1)) ?? []
        for (place, hits) in found.enumerated() {
          assignment.set(start + piece.lowerBound + place, UInt32(truncatingIfNeeded: hits.first?.id ?? 0))
        }
      }
      try step(count)
    }
    return assignment.lists
  }

  private func means(_ sample: [Int], _ lists: [UInt32], from centroids: [Float]) -> [Float] {
    let dimension = rows.dimension
    var sums = [Double](repeating: 0, count: centroids.count)
    var sizes = [Int](repeating: 0, count: listCount)
    let row = Scratch<Float>(dimension)
    sums.withUnsafeMutableBufferPointer { sums in
      for (place, number) in sample.enumerated() {
        let list = Int(lists[place])
        rows.load(number, into: row.base)
        sizes[list] += 1
        for at in 0..<dimension { sums[list * dimension + at] += Double(row.base[at]) }
      }
    }
    var means = centroids
    for list in 0..<listCount where sizes[list] > 0 {
      for at in 0..<dimension { means[list * dimension + at] = Float(sums[list * dimension + at] / Double(sizes[list])) }
    }
    refillEmpty(&means, &sizes)
    if rows.isSpherical {
      means.withUnsafeMutableBufferPointer { means in
        guard let base = means.baseAddress else { return }
        for list in 0..<listCount { ClusterRows.normalise(base + list * dimension, dimension) }
      }
    }
    return means
  }

  private func refillEmpty(_ means: inout [Float], _ sizes: inout [Int]) {
    let dimension = rows.dimension
    let apart: Float = 1 / 1024
    for empty in 0..<listCount where sizes[empty] == 0 {
      guard let largest = sizes.indices.max(by: { (sizes[$0], $1) < (sizes[$1], $0) }), sizes[largest] > 1 else { return }
      for at in 0..<dimension {
        let value = means[largest * dimension + at]
        let sign: Float = at % 2 == 0 ? 1 : -1
        means[empty * dimension + at] = value * (1 + sign * apart)
        means[largest * dimension + at] = value * (1 - sign * apart)
      }
      sizes[empty] = sizes[largest] / 2
      sizes[largest] -= sizes[empty]
    }
  }
}

/// The list of every row. Any worker writes the rows it was given.
private final class Assignment: Sendable {
  private let count: Int
  // Every element is written by one thread, and read when all threads are done.
  nonisolated(unsafe) private let base: UnsafeMutablePointer<UInt32>

  init(_ count: Int) {
    self.count = count
    base = .allocate(capacity: max(1, count))
    base.initialize(repeating: 0, count: count)
  }

  deinit { base.deallocate() }

  func set(_ row: Int, _ list: UInt32) { base[row] = list }

  var lists: [UInt32] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
