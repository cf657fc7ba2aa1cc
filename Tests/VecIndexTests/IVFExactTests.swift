import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("IVF: exact within the lists it looks at")
struct IVFExactTests {
  @Test("all lists give the oracle's answer, for every shape and metric", arguments: VectorShape.allCases)
  func shapes(shape: VectorShape) throws {
    for metric in Metric.allCases {
      for (index, (d, n, k, lists)) in [
        (1, 300, 40, 20), (3, 77, 10, 77), (17, 1_500, 100, 60), (64, 900, 1, 1), (130, 600, 700, 33), (256, 400, 9, 40),
      ].enumerated() {
        let given = IndexContract.random(
          shape, metric: metric, type: ElementType.allCases[index % 3], dimension: d, count: n, k: k, seed: Seed(301))
        for coding in [StoredPlanes.Coding.codes, .sketches] {
          let listed = try ListedPlanes(given, lists: lists, coding: coding)
          let found = try listed.search(nprobe: lists)
          #expect(IndexContract.differences(listed.given, found.hits) == [])
          #expect(found.work.rows == n * 3 && found.work.lists == listed.lists.count * 3)
        }
      }
    }
  }

  @Test("some lists give the oracle's answer over their rows", arguments: Metric.allCases, [1, 2, 3])
  func someLists(metric: Metric, interests: Int) throws {
    for shape in [VectorShape.gaussian, .mixedNorms, .coarse, .duplicates] {
      let given = IndexContract.random(
        shape, metric: metric, type: .f32, dimension: 24, count: 3_000, k: 50, queries: 40, interests: interests,
        seed: Seed(302))
      let listed = try ListedPlanes(given, lists: 120)
      for nprobe in [1, 4, 11, 60] {
        let found = try listed.search(nprobe: nprobe)
        var rows = 0
        for query in 0..<given.queryCount {
          let probes = listed.probes(query, nprobe: nprobe)
          #expect(Set(probes).count == probes.count && probes.count >= min(nprobe, listed.lists.count))
          rows += probes.reduce(0) { $0 + listed.lists.rows(Int($1)).count }
          #expect(IndexContract.differences(listed.part(query, probes), [found.hits[query]]) == [])
        }
        #expect(found.work.rows == rows)
      }
    }
  }

  @Test("the flat index's answer to 20,000 rows, in every tier", arguments: KernelTier.allCases)
  func equalsFlat(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    for (metric, type) in zip(Metric.allCases, ElementType.allCases) {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: type, dimension: 32, count: 20_000, k: 300, queries: 30, seed: Seed(303))
      let listed = try ListedPlanes(given, kernels: kernels)
      #expect(listed.lists.count > 400)
      let flat = try listed.stored.search(kernels)
      #expect(try listed.search(nprobe: 1 << 20, kernels).hits == flat)
    }
  }

  @Test("k rows come back though the lists asked for hold fewer", arguments: Metric.allCases, [1, 3])
  func moreLists(metric: Metric, interests: Int) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 8, count: 2_000, k: 700, interests: interests, seed: Seed(304))
    let listed = try ListedPlanes(given, lists: 200)
    let found = try listed.search(nprobe: 1)
    for query in 0..<given.queryCount {
      #expect(found.hits[query].count == 700)
      let probes = listed.probes(query, nprobe: 1)
      #expect(IndexContract.differences(listed.part(query, probes), [found.hits[query]]) == [])
      // Not a list more than needed: without the last turn of the interests there are too few rows.
      let rows = probes.dropLast(interests).reduce(0) { $0 + listed.lists.rows(Int($1)).count }
      #expect(rows < 700)
    }
    #expect(try listed.search(nprobe: 1, k: 16_384).hits.allSatisfy { $0.count == 2_000 })
  }

  @Test("a mask leaves out what it should and nothing else", arguments: Metric.allCases, [0.5, 0.02, 0])
  func masks(metric: Metric, share: Double) throws {
    for interests in [1, 2] {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f16, dimension: 20, count: 2_500, k: 60, queries: 20, interests: interests,
        seed: Seed(305))
      let listed = try ListedPlanes(given, lists: 90)
      var generator = Seed(306).generator
      let mask = (0..<2_500).map { _ in generator.uniform() < share }
      let allowed = listed.only(mask)
      #expect(IndexContract.differences(allowed, try listed.search(nprobe: 90, mask: mask).hits) == [])
      let few = try listed.search(nprobe: 2, mask: mask).hits
      #expect(IndexContract.defects(allowed, few) == [])
      #expect(few.allSatisfy { $0.count == min(60, allowed.ids.count) })
    }
  }

  @Test("an answer does not depend on the batch or the tier", arguments: Metric.allCases)
  func batches(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 33, count: 6_000, k: 120, queries: 300, seed: Seed(307))
    let listed = try ListedPlanes(given)
    for nprobe in [3, 25] {
      let whole = try listed.search(nprobe: nprobe)
      var work = IVFWork()
      for query in 0..<300 {
        let one = try listed.search(nprobe: nprobe, queries: query..<(query + 1))
        #expect(one.hits == [whole.hits[query]])
        work.lists += one.work.lists
        work.rows += one.work.rows
      }
      #expect(work.lists == whole.work.lists && work.rows == whole.work.rows)
      for tier in KernelTier.available {
        #expect(try listed.search(nprobe: nprobe, kernels(tier), queries: 7..<90).hits == Array(whole.hits[7..<90]))
      }
    }
  }

  @Test("a sample that misleads costs a second search, not a wrong answer", arguments: [1, 3, 40], [1, 2])
  func misleadingSample(queries: Int, interests: Int) throws {
    // One list, whose rows keep their order; those that its sample is taken from score best, by far more than their share.
    let (count, k) = (6_000, 200)
    let step = count / 512 + 1
    var generator = Seed(308).generator
    var rows: [Float] = []
    for row in 0..<count {
      let isSampled = (row - step / 2 + 8 * step) % (8 * step) < 8
      rows += [Float(generator.uniform()) + (isSampled ? 5 : 0), Float(generator.uniform())]
    }
    let given = ContractCase(
      name: "misleading", metric: .ip, elementType: .f32, dimension: 2, rows: rows, ids: (0..<UInt64(count)).map { $0 },
      queries: (0..<(queries * interests)).flatMap { [1, Float($0) / 100] }, interests: interests, k: k)
    let listed = try ListedPlanes(given, lists: 1)
    #expect(listed.order == (0..<UInt32(count)).map { $0 })
    let found = try listed.search(nprobe: 1)
    #expect(IndexContract.differences(listed.given, found.hits) == [])
    #expect(found.work.rows == 2 * queries * count)
  }

  @Test("no rows, no queries, and arguments that do not fit")
  func edges() throws {
    let given = IndexContract.random(.gaussian, metric: .ip, type: .f32, dimension: 5, count: 0, k: 3, seed: Seed(308))
    let empty = try ListedPlanes(given)
    #expect(empty.lists.count == 0 && empty.order.isEmpty)
    #expect(try empty.search(nprobe: 1).hits == [[], [], []])
    let one = try ListedPlanes(
      IndexContract.random(.gaussian, metric: .ip, type: .f32, dimension: 5, count: 1, k: 3, seed: Seed(309)))
    #expect(try one.search(nprobe: 5).hits.allSatisfy { $0.count == 1 })
    #expect(try one.search(nprobe: 5, queries: 0..<0).hits == [])
    for (k, nprobe) in [(0, 1), (1, 0)] {
      #expect(throws: VecError.self) { try one.search(nprobe: nprobe, k: k) }
    }
    let uncoded = try ListedPlanes(one.given, coding: .none)
    #expect(throws: VecError.self) { try uncoded.search(nprobe: 1) }
  }

  @Test("a search stops where it is told to")
  func stops() throws {
    let given = IndexContract.random(
      .gaussian, metric: .ip, type: .f32, dimension: 64, count: 5_000, k: 10, queries: 100, seed: Seed(310))
    let listed = try ListedPlanes(given, lists: 50)
    var asked = 0
    _ = try listed.search(nprobe: 50) {
      asked += 1
      return false
    }
    #expect(asked >= 3)
    for stop in 1...asked {
      var left = stop
      let error = #expect(throws: VecError.self) {
        try listed.search(nprobe: 50) {
          left -= 1
          return left == 0
        }
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }
}
