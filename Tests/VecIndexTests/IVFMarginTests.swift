import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("IVF: lists chosen by a margin")
struct IVFMarginTests {
  @Test("the answer is the oracle's over the lists looked at, which are the best by rank", arguments: Metric.allCases, [1, 2, 3])
  func exactWithin(metric: Metric, interests: Int) throws {
    for (shape, k) in zip([VectorShape.gaussian, .mixedNorms, .coarse, .duplicates], [1, 10, 50, 150]) {
      let given = IndexContract.random(
        shape, metric: metric, type: .f32, dimension: 24, count: 6_000, k: k, queries: 30, interests: interests,
        seed: Seed(321))
      let listed = try ListedPlanes(given, lists: 120)
      for margin in [-1, -0.2, 0] as [Float] {
        for query in 0..<given.queryCount {
          let found = try listed.search(nprobe: 1, margin: margin, queries: query..<(query + 1))
          let looked = found.work.lists / (1 + found.work.repeated)
          let probes = listed.probes(query, nprobe: looked)
          #expect(probes.count == looked && found.work.sampled > 0)
          #expect(IndexContract.differences(listed.part(query, probes), found.hits) == [])
        }
      }
    }
  }

  @Test("an answer does not depend on the batch or the tier", arguments: Metric.allCases, [7, 140])
  func batches(metric: Metric, k: Int) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 33, count: 6_000, k: k, queries: 200, seed: Seed(322))
    let listed = try ListedPlanes(given)
    for margin in [-0.5, -0.05] as [Float] {
      let whole = try listed.search(nprobe: 1, margin: margin)
      var work = IVFWork()
      for query in 0..<200 {
        let one = try listed.search(nprobe: 1, margin: margin, queries: query..<(query + 1))
        #expect(one.hits == [whole.hits[query]])
        work.lists += one.work.lists
        work.rows += one.work.rows
        work.repeated += one.work.repeated
      }
      #expect(work.lists == whole.work.lists && work.rows == whole.work.rows)
      #expect(work.repeated == whole.work.repeated)
      for tier in KernelTier.available {
        let some = try listed.search(nprobe: 1, margin: margin, kernels(tier), queries: 7..<90)
        #expect(some.hits == Array(whole.hits[7..<90]))
      }
    }
  }

  @Test(
    "a margin below all lists gives the oracle's answer, and a lower one never looks at fewer lists",
    arguments: Metric.allCases)
  func ascending(metric: Metric) throws {
    let given = IndexContract.random(
      .mixedNorms, metric: metric, type: .f16, dimension: 16, count: 5_000, k: 40, queries: 40, seed: Seed(323))
    let listed = try ListedPlanes(given)
    for query in 0..<given.queryCount {
      var last = 0
      for margin in [0, -0.1, -0.4, -1, -3, -1e9] as [Float] {
        let found = try listed.search(nprobe: 1, margin: margin, queries: query..<(query + 1))
        let looked = found.work.lists / (1 + found.work.repeated)
        #expect(looked >= last)
        last = looked
      }
      #expect(last == listed.lists.count)
    }
    #expect(IndexContract.differences(listed.given, try listed.search(nprobe: 1, margin: -1e9).hits) == [])
  }

  @Test(
    "a mask leaves out what it should, and k rows come back where there are so many",
    arguments: Metric.allCases, [0.5, 0.02, 0])
  func masks(metric: Metric, share: Double) throws {
    for interests in [1, 2] {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f32, dimension: 20, count: 5_000, k: 30, queries: 20, interests: interests,
        seed: Seed(324))
      let listed = try ListedPlanes(given, lists: 90)
      var generator = Seed(325).generator
      let mask = (0..<5_000).map { _ in generator.uniform() < share }
      let allowed = listed.only(mask)
      #expect(IndexContract.differences(allowed, try listed.search(nprobe: 1, margin: -1e9, mask: mask).hits) == [])
      let few = try listed.search(nprobe: 1, margin: 0, mask: mask).hits
      #expect(IndexContract.defects(allowed, few) == [])
      #expect(few.allSatisfy { $0.count == min(30, allowed.ids.count) })
    }
  }

  @Test("where there are too few rows to guess a floor from, all are looked at", arguments: Metric.allCases)
  func fewRows(metric: Metric) throws {
    for count in [1, 40, 300] {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f32, dimension: 8, count: count, k: 200, seed: Seed(326))
      let listed = try ListedPlanes(given)
      #expect(IndexContract.differences(listed.given, try listed.search(nprobe: 1, margin: 0).hits) == [])
    }
  }

  @Test("a query among many alike rows looks at fewer lists than one that lies far from all")
  func asManyAsNeeded() throws {
    var given = IndexContract.random(
      .gaussian, metric: .cosine, type: .f32, dimension: 32, count: 20_000, k: 20, queries: 20, seed: Seed(327))
    // Half of the rows are one tight cluster around each of twenty rows.
    var generator = Seed(328).generator
    for row in 0..<10_000 {
      for at in 0..<32 {
        given.rows[row * 32 + at] = given.rows[(10_000 + row % 20) * 32 + at] + Float(generator.uniform() - 0.5) / 4
      }
    }
    let near = (0..<20).flatMap { given.row(10_000 + $0) }
    let far = given.queries
    func lists(_ queries: [Float]) throws -> Int {
      given.queries = queries
      return try ListedPlanes(given).search(nprobe: 1, margin: -0.1).work.lists
    }
    #expect(try 4 * lists(near) < lists(far))
  }

  @Test("a build measures margins, and a search by one of them finds what was measured", arguments: Metric.allCases)
  func measured(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 16, count: 8_000, k: 10, queries: 60, seed: Seed(330))
    let listed = try ListedPlanes(given)
    let plane = listed.stored.planes[0]
    let truth = try listed.stored.search()
    // So small a sample is wholly measured with.
    let sample = Array(given.queries.prefix(59 * 16))
    let calibration = try CalibrationRun(kernels: Kernels(), metric: metric).measure(
      IndexSet(lists: listed.lists), CalibrationQueries(sample: sample, plane: plane, metric: metric, seed: 1), plane: plane,
      targetRecall: 0.95, shouldStop: { false })
    #expect(calibration.marginCurves.map(\.k) == Calibrator.ks)
    for curve in calibration.marginCurves {
      let margins = try curve.points.map { try #require($0.margin) }
      #expect(margins == margins.sorted(by: >) && margins.allSatisfy { $0 <= 0 } && curve.points.last?.recall ?? 0 > 0.99)
    }
    for point in calibration.marginCurves[0].points {
      let found = try listed.search(nprobe: 1, margin: point.margin, queries: 0..<59).hits
      let shared = zip(truth, found).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
      #expect(abs(Double(shared) / 590 - Double(point.recall)) < 1e-6)
    }
    withExtendedLifetime(listed) {}
  }

  @Test("a list is just within its own margin, in the unit of every metric")
  func unit() {
    for metric in Metric.allCases {
      for (score, floor, norm) in [(-4, -1, 2), (-2, -2, 3)] as [(Float, Float, Float)] {
        let margin = ListMargin.margin(of: score, floor: floor, norm: norm, metric: metric)
        let back = ListMargin.threshold(floor: floor, margin: margin, norm: norm, metric: metric)
        #expect(abs(back - score) < 1e-5)
        #expect((margin < 0) == (score < floor))
      }
    }
  }

  @Test("a margin that is no number, or above the floor, is refused", arguments: [Float.nan, -Float.infinity, 0.1])
  func notFinite(margin: Float) throws {
    let given = IndexContract.random(.gaussian, metric: .ip, type: .f32, dimension: 8, count: 50, k: 3, seed: Seed(329))
    let listed = try ListedPlanes(given)
    #expect(throws: VecError.self) { try listed.search(nprobe: 1, margin: margin) }
  }
}
