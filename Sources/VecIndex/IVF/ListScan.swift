import VecCore
import VecKernels

/// Scans the byte codes of lists for the vectors that want them, list after list, so that a list is read from memory once
/// for the whole batch; what may matter goes to the pool.
///
/// Vectors that share a list are packed side by side anew for each list. One or two on their own go over its sketches.
final class ListScan {
  private static let pieceRows = 1_024
  /// Up to so many vectors a list is scanned for each on its own.
  private static let singlesMax = 2

  private let kernels: CodeKernels
  private let pool: CandidatePool
  private let stride: Int
  private let lanes: Int
  private let queries: [QueryCode]
  private let bounds: [CodeBound]
  /// Codes of all vectors, row after row.
  private let codes: Scratch<Int8>
  // One group, packed for the list at hand.
  private let packed: Scratch<Int8>
  private let bias: Scratch<Int32>
  private let scale: Scratch<Float>
  private let errorWeight: Scratch<Float>
  private let lengthWeight: Scratch<Float>
  private let least: Scratch<Float>
  private let hits: Scratch<CodeHit>
  private let numbers: Scratch<UInt32>
  private let dots: Scratch<Int32>
  private var pacer = Pacer()

  /// - Parameter vectors: `count` vectors as the caller gave them.
  init(
    kernels: CodeKernels, metric: Metric, vectors: UnsafePointer<Float>, count: Int, dimension: Int, pool: CandidatePool
  ) {
    self.kernels = kernels
    self.pool = pool
    let stride = RowCode.stride(dimension: dimension)
    self.stride = stride
    lanes = 2 * kernels.width
    let queries = (0..<count).map { QueryCode(vectors + $0 * dimension, dimension: dimension, metric: metric) }
    bounds = queries.indices.map { CodeBound(metric: metric, queryNorm: pool.norm($0), code: queries[$0]) }
    self.queries = queries
    codes = Scratch(count * stride)
    for vector in 0..<count {
      for at in 0..<stride { codes.base[vector * stride + at] = queries[vector].codes[at] }
    }
    packed = Scratch(lanes * stride)
    bias = Scratch(lanes)
    scale = Scratch(lanes)
    errorWeight = Scratch(lanes)
    lengthWeight = Scratch(lanes)
    least = Scratch(lanes)
    hits = Scratch(Self.pieceRows * lanes)
    numbers = Scratch(Self.pieceRows + RowSketch.blockRows)
    dots = Scratch(Self.pieceRows + RowSketch.blockRows)
  }

  func scan(
    _ plane: VectorPlane, _ coded: CodePlane, _ lists: IVFLists, _ probes: ListProbes, _ shouldStop: () -> Bool
  ) throws(VecError) {
    pool.begin(plane, bounds.map { .codes($0) })
    for index in probes.lists.indices {
      let rows = lists.rows(probes.lists[index])
      var wanting = probes.vectors(index)
      while !wanting.isEmpty {
        let group = wanting.prefix(lanes)
        wanting = wanting.dropFirst(group.count)
        guard group.count > Self.singlesMax else {
          for vector in group { try scanOne(coded, rows, Int(vector), shouldStop) }
          continue
        }
        try scanGroup(coded, rows, group, shouldStop)
      }
    }
    try pool.finish(shouldStop)
  }

  private func scanGroup(
    _ coded: CodePlane, _ rows: Range<Int>, _ vectors: ArraySlice<Int32>, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let registers = vectors.count > kernels.width ? 2 : 1
    let width = registers * kernels.width  // a power of two
    let shift = width.trailingZeroBitCount
    pack(vectors, width)
    let start = vectors.startIndex
    for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: Self.pieceRows) {
      let count = min(Self.pieceRows, rows.upperBound - first)
      try pacer.spend(count * stride * width / 4, shouldStop)
      for lane in vectors.indices { least.base[lane - start] = pool.thresholds.base[Int(vectors[lane])] }
      let found = kernels.hits(
        CodeGroup(
          packed: packed.base, vectors: registers, bias: bias.base, scale: scale.base, errorWeight: errorWeight.base,
          lengthWeight: lengthWeight.base, least: least.base),
        codes: coded.codes + first * stride, factors: coded.factors, first: first, count: count, stride: stride,
        out: hits.base)
      for index in 0..<found {
        let hit = hits.base[index]
        let vector = Int(vectors[start + (Int(hit.position) & (width - 1))])
        try pool.take(
          vector, row: first + Int(hit.position) >> shift, key: hit.upper, lower: bounds[vector].least(hit.lower),
          shouldStop)
      }
    }
  }

  /// Puts vectors side by side, four codes of each at a time; lanes that are left over never hit.
  private func pack(_ vectors: ArraySlice<Int32>, _ width: Int) {
    let words = stride / 4
    packed.base.withMemoryRebound(to: UInt32.self, capacity: words * width) { packed in
      codes.base.withMemoryRebound(to: UInt32.self, capacity: codes.count / 4) { codes in
        for (lane, vector) in vectors.enumerated() {
          let from = codes + Int(vector) * words
          for word in 0..<words { packed[word * width + lane] = from[word] }
        }
      }
    }
    for (lane, vector) in vectors.enumerated() {
      let (query, bound) = (queries[Int(vector)], bounds[Int(vector)])
      bias.base[lane] = query.bias
      scale.base[lane] = query.scale
      errorWeight.base[lane] = bound.errorWeight
      lengthWeight.base[lane] = bound.lengthWeight
    }
    for lane in vectors.count..<max(vectors.count, width) {
      (bias.base[lane], scale.base[lane], errorWeight.base[lane], lengthWeight.base[lane]) = (0, 0, 0, 0)
      least.base[lane] = .infinity
    }
  }

  /// One vector over a list: sketches where there are some, and the bytes of what these leave.
  private func scanOne(
    _ coded: CodePlane, _ rows: Range<Int>, _ vector: Int, _ shouldStop: () -> Bool
  ) throws(VecError) {
    let own = codes.base + vector * stride
    let (query, bound) = (queries[vector], bounds[vector])
    bias.base[0] = query.bias
    scale.base[0] = query.scale
    errorWeight.base[0] = bound.errorWeight
    lengthWeight.base[0] = bound.lengthWeight
    let group = CodeGroup(
      packed: packed.base, vectors: 1, bias: bias.base, scale: scale.base, errorWeight: errorWeight.base,
      lengthWeight: lengthWeight.base, least: least.base)
    var asked = SketchQuery(
      codes: own, bias: query.sketchBias, scale: query.scale, errorWeight: bound.errorWeight,
      lengthWeight: bound.lengthWeight)
    for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: Self.pieceRows) {
      let end = min(first + Self.pieceRows, rows.upperBound)
      try pacer.spend((end - first) * stride, shouldStop)
      asked.least = pool.thresholds.base[vector]
      least.base[0] = asked.least
      guard let sketches = coded.sketches, asked.least > -.infinity else {
        kernels.dots(
          own, bias: query.bias, codes: coded.codes + first * stride, count: end - first, stride: stride, out: dots.base)
        let found = kernels.hits(
          group, dots: dots.base, factors: coded.factors, first: first, count: end - first, out: hits.base)
        try take(vector, found, from: first, shouldStop)
        continue
      }
      let kept = sketched(asked, sketches, first..<end)
      guard kept > 0 else { continue }
      let numbers = UnsafeBufferPointer(start: UnsafePointer(numbers.base), count: kept)
      kernels.dots(own, bias: query.bias, codes: coded.codes, stride: stride, rows: numbers, out: dots.base)
      let found = kernels.hits(group, dots: dots.base, factors: coded.factors, rows: numbers, out: hits.base)
      try take(vector, found, from: 0, shouldStop)
    }
  }

  /// The rows of a range that their sketches do not rule out, into `numbers`. Sketches come in blocks, so the first one
  /// may begin before the range.
  private func sketched(_ asked: SketchQuery, _ sketches: SketchRows, _ rows: Range<Int>) -> Int {
    let start = rows.lowerBound / RowSketch.blockRows * RowSketch.blockRows
    let found = kernels.hits(
      asked, sketches: sketches, first: start, count: rows.upperBound - start, out: numbers.base)
    var before = 0
    while before < found, Int(numbers.base[before]) < rows.lowerBound { before += 1 }
    if before > 0 { numbers.base.update(from: numbers.base + before, count: found - before) }
    return found - before
  }

  private func take(_ vector: Int, _ found: Int, from first: Int, _ shouldStop: () -> Bool) throws(VecError) {
    for index in 0..<found {
      let hit = hits.base[index]
      try pool.take(
        vector, row: first + Int(hit.position), key: hit.upper, lower: bounds[vector].least(hit.lower), shouldStop)
    }
  }
}
