import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("The error bound of scans")
struct ScoreBoundTests {
  static let dimensions = [1, 2, 3, 8, 17, 64, 100, 257, 1_024, 4_096]

  @Test(
    "holds between every kernel score and the canonical one", arguments: KernelTier.allCases, VectorShape.allCases)
  func holds(tier: KernelTier, shape: VectorShape) throws {
    let kernels = try kernels(tier)
    for metric in Metric.allCases {
      for d in Self.dimensions {
        let given = IndexContract.random(
          shape, metric: metric, type: .f32, dimension: d, count: 24, k: 1, queries: kernels.width,
          seed: Seed(UInt64(d) + 90))
        check(given, kernels)
      }
    }
  }

  @Test("holds at the ends of the allowed norms", arguments: KernelTier.allCases, Metric.allCases)
  func extremes(tier: KernelTier, metric: Metric) throws {
    let kernels = try kernels(tier)
    for d in [1, 5, 128, 4_096] {
      for (rowNorm, queryNorm) in [(1e18, 1e18), (1e-30, 1e18), (1e-30, 1e-30), (1e18, 1e-30), (1e-22, 1e-22)] {
        var given = IndexContract.random(
          .gaussian, metric: metric, type: .f32, dimension: d, count: 24, k: 1, queries: kernels.width, seed: Seed(99))
        given.rows = Self.scaled(given.rows, d, to: rowNorm * 1.01)
        given.queries = Self.scaled(given.queries, d, to: queryNorm * 0.99)
        check(given, kernels)
      }
    }
  }

  @Test("is not looser than twice the textbook bound")
  func isTight() {
    for d in [16, 128, 4_096] {
      let textbook = Double(d + 2) * 0x1p-24
      let ip = ScoreBound(metric: .ip, dimension: d, queryNorm: 3, greatestNorm: 5)
      #expect(ip.absolute >= textbook * 15 && ip.absolute <= 2 * textbook * 15 && ip.relative == 0)
      let l2 = ScoreBound(metric: .l2, dimension: d, queryNorm: 3, greatestNorm: 5)
      #expect(l2.relative >= textbook && l2.relative <= 2 * textbook && l2.absolute < 1e-40)
    }
  }

  @Test("a row below leastApprox cannot reach the floor, and none is below its lower bound", arguments: Metric.allCases)
  func inverse(metric: Metric) {
    var generator = Seed(98).generator
    for _ in 0..<20_000 {
      let bound = ScoreBound(metric: metric, dimension: 100, queryNorm: 1, greatestNorm: generator.uniform())
      let floor = Float(generator.gaussian() * generator.uniform())
      let least = bound.leastApprox(reaching: floor)
      let below = Double(least.nextDown)
      #expect(below + bound.relative * abs(below) + bound.absolute < Double(floor).nextUp)
      let slack = bound.relative * Double(abs(floor)) + bound.absolute
      #expect(Double(bound.lower(floor)) <= Double(floor) - slack)
      #expect(Double(bound.lower(floor).nextUp.nextUp) > Double(floor) - slack)
      #expect(bound.leastApprox(reaching: bound.lower(floor)) <= floor)
    }
    let bound = ScoreBound(metric: metric, dimension: 9, queryNorm: 1, greatestNorm: 1)
    #expect(bound.leastApprox(reaching: -.infinity) == -.infinity)
  }

  static func scaled(_ values: [Float], _ dimension: Int, to norm: Double) -> [Float] {
    var out = values
    for start in stride(from: 0, to: values.count, by: dimension) {
      let row = values[start..<(start + dimension)]
      let own = Oracle.dot(row, row).squareRoot()
      for at in row.indices { out[at] = Float(Double(values[at]) / own * norm) }
    }
    return out
  }

  /// Rows and tile kernels, scored as FlatScan does it.
  private func check(_ given: ContractCase, _ kernels: Kernels) {
    let d = given.dimension
    let count = given.ids.count
    let norms = given.rows.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: d).norms }
    let inverses = norms.map { RowInspection.inverse($0) }
    let queryNorms = given.queries.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: d).norms }
    let queries = given.queries.indices.map {
      given.metric == .cosine ? Float(Double(given.queries[$0]) / queryNorms[$0 / d]) : given.queries[$0]
    }
    var packed = [Float](repeating: 0, count: queries.count)
    QueryGroup.pack(queries, count: kernels.width, dimension: d, lanes: kernels.width, into: &packed)
    var tile = [Float](repeating: 0, count: count * kernels.width)
    kernels.scoreTile(
      given.metric, packed: packed, vectors: 1, rows: given.rows, count: count, dimension: d, out: &tile)
    if given.metric == .cosine { kernels.scale(&tile, by: inverses, count: count, lanes: kernels.width) }
    for lane in 0..<kernels.width {
      var scores = [Float](repeating: 0, count: count)
      let query = Array(queries[(lane * d)..<(lane * d + d)])
      kernels.score(
        given.metric, query: query, rows: given.rows, type: .f32, count: count, dimension: d, out: &scores)
      if given.metric == .cosine { kernels.scale(&scores, by: inverses, count: count, lanes: 1) }
      let bound = ScoreBound(
        metric: given.metric, dimension: d, queryNorm: queryNorms[lane],
        greatestNorm: Double(Float(norms.max() ?? 0).nextUp))
      for row in 0..<count {
        let exact = Double(Oracle.score(given.metric, given.query(lane, 0), given.row(row)))
        let canonical = given.metric == .l2 ? -exact : exact
        for approx in [Double(scores[row]), Double(tile[row * kernels.width + lane])] {
          #expect(
            abs(approx - canonical) <= bound.relative * abs(approx) + bound.absolute,
            "\(given) row \(row) lane \(lane)")
        }
      }
    }
  }
}
