package import VecCore
package import VecKernels

/// One query against coded rows, for indexes that choose their rows: ranges of sketches, as an inverted list is
/// scanned, and rows given by number, as a graph is walked or a list's survivors are refined.
///
/// Scores and bounds are in the unit of the kernels: `bound.score` turns one into the canonical score's,
/// `bound.leastUpper` a floor into theirs, `bound.least` a lower bound into a floor. Made once per query, for any
/// number of ranges and segments; a value that any thread may use.
package struct CodedQuery: Sendable {
  /// What upper bounds of a range's rows are compared with, and how bounds relate to canonical scores.
  package let bound: CodeBound
  private let code: QueryCode
  private let kernels: CodeKernels

  private static let piece = 64

  /// - Parameter query: `dimension` values that passed `QueryCheck`.
  package init(_ query: UnsafePointer<Float>, dimension: Int, metric: Metric, kernels: CodeKernels) {
    code = QueryCode(query, dimension: dimension, metric: metric)
    bound = CodeBound(
      metric: metric, queryNorm: CanonicalScore.norm(query, dimension: dimension), code: code)
    self.kernels = kernels
  }

  /// Room that `score` needs for a range, in rows: whole blocks around it.
  package static func room(for rows: Range<Int>) -> Int {
    (rows.upperBound + RowSketch.blockRows - 1) / RowSketch.blockRows * RowSketch.blockRows - start(of: rows)
  }

  /// The row that the first entry of `score`'s buffers belongs to: that of the block in which the range begins.
  package static func start(of rows: Range<Int>) -> Int { rows.lowerBound / RowSketch.blockRows * RowSketch.blockRows }

  /// Scores and slacks of all rows from `start(of:)` to the end of the range: a canonical score of `floor` or more
  /// implies `scores[i] + slacks[i] >= bound.leastUpper(reaching: floor)`.
  /// - Parameters:
  ///   - rows: within the sketched rows.
  ///   - scores: like `slacks` with `room(for:)` entries.
  package func score(
    _ rows: Range<Int>, of sketches: SketchRows, scores: UnsafeMutablePointer<Float>,
    slacks: UnsafeMutablePointer<Float>
  ) {
    let first = Self.start(of: rows)
    withQuery(least: -.infinity) {
      kernels.scores(
        $0, sketches: sketches, first: first, count: rows.upperBound - first, scores: scores, slacks: slacks)
    }
  }

  /// The rows of a range whose canonical score can reach `floor`, ascending; returns how many. All others cannot.
  /// - Parameter out: room for `room(for: rows)`.
  package func reaching(
    _ floor: Float, _ rows: Range<Int>, of sketches: SketchRows, out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let first = Self.start(of: rows)
    let found = withQuery(least: bound.leastUpper(reaching: floor)) {
      kernels.hits($0, sketches: sketches, first: first, count: rows.upperBound - first, out: out)
    }
    var before = 0
    while before < found, Int(out[before]) < rows.lowerBound { before += 1 }
    if before > 0 { out.update(from: out + before, count: found - before) }
    return found - before
  }

  /// Approximate canonical scores (l2: negative squared distances) of rows by their bytes: `out[rows.count]`. Codes are
  /// fetched eight rows ahead, factors 64 at a time.
  package func score(
    _ rows: UnsafeBufferPointer<UInt32>, of plane: CodePlane, out: UnsafeMutablePointer<Float>
  ) {
    forEachPiece(rows, of: plane) { first, some, products in
      for (index, row) in some.enumerated() {
        let factors = plane.factors[Int(row)]
        out[first + index] = bound.score(Float(products[index]) * code.scale * factors.scale + factors.offset)
      }
    }
  }

  /// Those of the rows whose canonical score can reach `floor`, with their bounds by bytes, in the order given; returns
  /// how many. `position` is the row number.
  /// - Parameter out: room for `rows.count`.
  package func reaching(
    _ floor: Float, _ rows: UnsafeBufferPointer<UInt32>, of plane: CodePlane, out: UnsafeMutablePointer<CodeHit>
  ) -> Int {
    var found = 0
    let weights = [code.scale, bound.errorWeight, bound.lengthWeight, bound.leastUpper(reaching: floor)]
    weights.withUnsafeBufferPointer { weights in
      withUnsafePointer(to: code.bias) { bias in
        code.codes.withUnsafeBufferPointer { codes in
          guard let packed = codes.baseAddress, let first = weights.baseAddress else { return }
          let lane = CodeGroup(
            packed: packed, vectors: 1, bias: bias, scale: first, errorWeight: first + 1, lengthWeight: first + 2,
            least: first + 3)
          forEachPiece(rows, of: plane) { _, some, products in
            found += kernels.hits(lane, dots: products, factors: plane.factors, rows: some, out: out + found)
          }
        }
      }
    }
    return found
  }

  private func forEachPiece(
    _ rows: UnsafeBufferPointer<UInt32>, of plane: CodePlane,
    _ body: (Int, UnsafeBufferPointer<UInt32>, UnsafePointer<Int32>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.piece) { dots in
      guard let products = dots.baseAddress else { return }
      for first in stride(from: 0, to: rows.count, by: Self.piece) {
        let some = UnsafeBufferPointer(rebasing: rows[first..<min(rows.count, first + Self.piece)])
        for row in some { kernels.prefetch(plane.factors + Int(row)) }
        kernels.dots(
          code.codes, bias: code.bias, codes: plane.codes, stride: plane.layout.stride, rows: some, out: products)
        body(first, some, products)
      }
    }
  }

  private func withQuery<T>(least: Float, _ body: (SketchQuery) -> T) -> T {
    code.codes.withUnsafeBufferPointer { codes in
      guard let base = codes.baseAddress else { preconditionFailure("a query has at least one dimension") }
      return body(
        SketchQuery(
          codes: base, bias: code.sketchBias, scale: code.scale, errorWeight: bound.errorWeight,
          lengthWeight: bound.lengthWeight, least: least))
    }
  }
}
