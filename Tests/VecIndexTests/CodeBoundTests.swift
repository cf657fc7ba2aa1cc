import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("The error bound of codes")
struct CodeBoundTests {
  static let dimensions = [1, 2, 3, 8, 17, 32, 33, 64, 100, 257, 1_025, 4_096]

  @Test(
    "holds between every bound of a kernel and the canonical score", arguments: CodeTier.allCases, VectorShape.allCases)
  func holds(tier: CodeTier, shape: VectorShape) throws {
    let kernels = try codeKernels(tier)
    for metric in Metric.allCases {
      for d in Self.dimensions {
        let given = IndexContract.random(
          shape, metric: metric, type: .f32, dimension: d, count: 21, k: 1, queries: 5, seed: Seed(UInt64(d) + 230))
        #expect(CodedCase(given).violations(kernels).prefix(3) == [])
      }
    }
  }

  @Test("holds at the ends of the allowed norms", arguments: CodeTier.allCases, Metric.allCases)
  func extremes(tier: CodeTier, metric: Metric) throws {
    let kernels = try codeKernels(tier)
    for d in [1, 5, 128, 4_096] {
      for (rowNorm, queryNorm) in [
        (1e18, 1e18), (1e-30, 1e18), (1e18, 1e-30), (1e-30, 1e-30), (1e-22, 1e-22), (1e-18, 1e-18), (3e-29, 1),
      ] {
        var given = IndexContract.random(
          .gaussian, metric: metric, type: .f32, dimension: d, count: 21, k: 1, queries: 5, seed: Seed(239))
        given.rows = ScoreBoundTests.scaled(given.rows, d, to: rowNorm * (rowNorm < 1 ? 1.01 : 0.99))
        given.queries = ScoreBoundTests.scaled(given.queries, d, to: queryNorm * (queryNorm < 1 ? 1.01 : 0.99))
        #expect(CodedCase(given).violations(kernels).prefix(3) == [])
        // Rows equal or opposite to the query: scores at their extremes, distances at zero.
        let query = Array(given.queries[0..<d])
        given.rows = (0..<21).flatMap { $0 % 2 == 0 ? query : query.map { -$0 } }
        #expect(CodedCase(given).violations(kernels).prefix(3) == [])
      }
    }
  }

  @Test("is not looser than the sum of Cauchy and Schwarz", arguments: Metric.allCases)
  func isTight(metric: Metric) throws {
    let kernels = CodeKernels(within: .best)
    for d in [8, 64, 128] {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f32, dimension: d, count: 64, k: 1, queries: 5, seed: Seed(240))
      let coded = CodedCase(given)
      for query in 0..<5 {
        for bytes in [true, false] {
          let width = coded.widths(kernels, query, bytes: bytes).reduce(0, +) / 64
          let norm = Oracle.dot(given.query(query, 0), given.query(query, 0)).squareRoot()
          let mean = given.ids.indices.reduce(0.0) { $0 + Oracle.dot(given.row($1), given.row($1)).squareRoot() } / 64
          let unit = (metric == .cosine ? 1 : norm * mean) * (metric == .l2 ? 2 : 1)
          // Half a step of a 254th or 15th of a range of about five deviations.
          #expect(width / 2 <= unit * (bytes ? 0.02 : 0.14), "\(given) \(bytes ? "bytes" : "sketch")")
        }
      }
    }
  }

  @Test("the key that a floor asks for is not above the key of any row that reaches it", arguments: Metric.allCases)
  func monotone(metric: Metric) {
    var generator = Seed(241).generator
    for _ in 0..<5_000 {
      let query = [Float(generator.gaussian()), Float(generator.gaussian())]
      let bound = CodeBound(
        metric: metric, queryNorm: Oracle.dot(query[...], query[...]).squareRoot(),
        code: QueryCode(query, dimension: 2, metric: metric))
      let floor = Float(generator.gaussian())
      #expect(bound.leastUpper(reaching: floor) <= bound.leastUpper(reaching: floor.nextUp))
      #expect(bound.least(bound.leastUpper(reaching: floor)) <= floor)
    }
    let bound = CodeBound(metric: metric, queryNorm: 1, code: QueryCode([1], dimension: 1, metric: metric))
    #expect(bound.leastUpper(reaching: -.infinity) == -.infinity)
  }
}

/// Rows of a case with their codes, and queries scored against them as the scans do it.
struct CodedCase {
  private let given: ContractCase
  private let stored: StoredPlanes
  private let coded: CodedRows

  init(_ given: ContractCase) {
    self.given = given
    stored = StoredPlanes(given)
    coded = stored.coded()
  }

  private func bound(_ query: Int) -> (CodeBound, QueryCode) {
    let vector = Array(given.query(query, 0))
    let code = QueryCode(vector, dimension: given.dimension, metric: given.metric)
    return (
      CodeBound(
        metric: given.metric, queryNorm: CanonicalScore.norm(vector, dimension: given.dimension), code: code), code
    )
  }

  /// Upper and lower bounds of all rows in the unit of the kernels: by bytes, or by sketch.
  private func bounds(_ kernels: CodeKernels, _ query: Int, bytes: Bool) -> [(upper: Float, lower: Float)] {
    let (bound, code) = bound(query)
    let plane = coded.plane
    let count = plane.rowCount
    if !bytes {
      guard let sketches = plane.sketches else { return [] }
      let room = (count + 15) / 16 * 16
      var scores = [Float](repeating: 0, count: room)
      var slacks = [Float](repeating: 0, count: room)
      code.codes.withUnsafeBufferPointer {
        kernels.scores(
          SketchQuery(
            codes: $0.baseAddress!, bias: code.sketchBias, scale: code.scale, errorWeight: bound.errorWeight,
            lengthWeight: bound.lengthWeight), sketches: sketches, first: 0, count: count, scores: &scores,
          slacks: &slacks)
      }
      return (0..<count).map { (scores[$0] + slacks[$0], scores[$0] - slacks[$0]) }
    }
    var products = [Int32](repeating: 0, count: count)
    kernels.dots(
      code.codes, bias: code.bias, codes: plane.codes, count: count, stride: RowCode.stride(dimension: given.dimension),
      out: &products)
    var hits = [CodeHit](repeating: CodeHit(position: 0, upper: 0, lower: 0), count: count)
    let floats: [Float] = [code.scale, bound.errorWeight, bound.lengthWeight, -.infinity]
    let found = code.codes.withUnsafeBufferPointer { packed in
      floats.withUnsafeBufferPointer { floats in
        withUnsafePointer(to: code.bias) { bias in
          guard let first = floats.baseAddress, let codes = packed.baseAddress else { return 0 }
          let group = CodeGroup(
            packed: codes, vectors: 1, bias: bias, scale: first, errorWeight: first + 1, lengthWeight: first + 2,
            least: first + 3)
          return kernels.hits(group, dots: products, factors: plane.factors, first: 0, count: count, out: &hits)
        }
      }
    }
    return hits.prefix(found).map { ($0.upper, $0.lower) }
  }

  func widths(_ kernels: CodeKernels, _ query: Int, bytes: Bool) -> [Double] {
    let factor = given.metric == .l2 ? 2.0 : 1
    return bounds(kernels, query, bytes: bytes).map { factor * (Double($0.upper) - Double($0.lower)) }
  }

  /// Rows whose canonical score lies outside of its bounds.
  func violations(_ kernels: CodeKernels) -> [String] {
    var found: [String] = []
    for query in 0..<given.queryCount {
      let (bound, _) = bound(query)
      for bytes in [true, false] {
        let all = bounds(kernels, query, bytes: bytes)
        if all.count != given.ids.count { found.append("\(all.count) rows") }
        for (row, limits) in all.enumerated() {
          let shown = Oracle.score(given.metric, given.query(query, 0), given.row(row))
          let score = given.metric == .l2 ? -shown : shown
          if !(limits.upper >= bound.leastUpper(reaching: score)) || bytes && !(bound.least(limits.lower) <= score) {
            found.append("\(given) query \(query) row \(row) \(bytes ? "bytes" : "sketch"): \(score) not in \(limits)")
          }
        }
      }
    }
    return found
  }
}

/// The kernels of a code tier, or a cancelled case that says this machine lacks it.
func codeKernels(_ tier: CodeTier) throws -> CodeKernels {
  guard let kernels = CodeKernels(tier: tier) else {
    print("code tier \(tier): not on this machine, test case cancelled")
    try Test.cancel("this machine cannot run the \(tier) code kernels")
  }
  return kernels
}
