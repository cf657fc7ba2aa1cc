package import VecCore
package import VecKernels

/// One query against ranges of sketched rows, as an inverted list is scanned: scores with a proven bound each, 16 rows
/// a step. Scores are in the unit of the kernels; `score` turns them into the caller's, `leastUpper` a floor into
/// theirs. Made once per query, for any number of ranges and segments; a value that any thread may use.
package struct SketchScorer: Sendable {
  /// What upper bounds of a range's rows are compared with, and how bounds relate to canonical scores.
  package let bound: CodeBound
  private let code: QueryCode
  private let kernels: CodeKernels

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
