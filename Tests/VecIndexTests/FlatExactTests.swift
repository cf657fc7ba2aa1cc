import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("The flat index equals the oracle, with and without codes")
struct FlatExactTests {
  @Test("for every shape, metric and element type, in every tier", arguments: KernelTier.allCases, VectorShape.allCases)
  func shapes(tier: KernelTier, shape: VectorShape) throws {
    let kernels = try kernels(tier)
    for metric in Metric.allCases {
      for type in ElementType.allCases {
        for (d, n, k) in [(1, 300, 40), (3, 77, 10), (17, 1_500, 100), (64, 900, 1), (130, 600, 250)] {
          let given = IndexContract.random(
            shape, metric: metric, type: type, dimension: d, count: n, k: k, seed: Seed(UInt64(d)))
          try expectExact(given, kernels)
        }
      }
    }
  }

  @Test(
    "for dimensions up to 4096 and up to 5000 rows, k beyond n included",
    arguments: KernelTier.allCases, Metric.allCases)
  func sizes(tier: KernelTier, metric: Metric) throws {
    let kernels = try kernels(tier)
    let sizes = [
      (1, 5_000, 1_700), (2, 1, 1), (5, 0, 3), (31, 4_999, 5_000), (32, 513, 512), (128, 5_000, 100),
      (256, 1_024, 2_000), (1_025, 700, 33), (4_096, 40, 7),
    ]
    for (index, (d, n, k)) in sizes.enumerated() {
      let type = ElementType.allCases[index % 3]
      let given = IndexContract.random(
        .mixedNorms, metric: metric, type: type, dimension: d, count: n, k: k, queries: 2, seed: Seed(7))
      try expectExact(given, kernels)
    }
  }

  private func expectExact(_ given: ContractCase, _ kernels: Kernels, cuts: [Int] = []) throws {
    for coding in StoredPlanes.Coding.allCases {
      let answer = try StoredPlanes(given, cuts: cuts, coding: coding).search(kernels)
      #expect(IndexContract.differences(given, answer) == [], "\(coding)")
    }
  }

  @Test("for batches of 1 to 70 queries", arguments: KernelTier.allCases, [Seed(51), Seed(52)])
  func batches(tier: KernelTier, seed: Seed) throws {
    let kernels = try kernels(tier)
    for queries in [1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 31, 32, 33, 37, 38, 70] {
      for metric in Metric.allCases {
        let type = ElementType.allCases[queries % 3]
        let given = IndexContract.random(
          .gaussian, metric: metric, type: type, dimension: 19, count: 700, k: 20, queries: queries, seed: seed)
        try expectExact(given, kernels)
      }
    }
  }

  @Test("for queries of 1 to 8 interests", arguments: Metric.allCases, [VectorShape.gaussian, .coarse, .duplicates])
  func interests(metric: Metric, shape: VectorShape) throws {
    for interests in 1...Limits.interestsMax {
      var given = IndexContract.random(
        shape, metric: metric, type: .f32, dimension: 6, count: 800, k: 60, queries: 5, interests: interests,
        seed: Seed(UInt64(interests)))
      try expectExact(given, Kernels(), cuts: [300])
      // Two equal interests: the first one is named.
      if interests > 1 { given.queries.replaceSubrange(6..<12, with: given.queries[0..<6]) }
      try expectExact(given, Kernels())
    }
  }

  @Test(
    "when thousands of rows score the same and k falls among them", arguments: Metric.allCases, ElementType.allCases)
  func ties(metric: Metric, type: ElementType) throws {
    var given = IndexContract.random(
      .coarse, metric: metric, type: type, dimension: 2, count: 20_000, k: 500, queries: 7, seed: Seed(61))
    try expectExact(given, Kernels(), cuts: [1, 9_000])
    // All rows equal: the k least ids, however late they come.
    given.rows = Array(repeating: 1, count: given.rows.count)
    given.ids = (0..<20_000).reversed().map { UInt64($0) }
    for coding in StoredPlanes.Coding.allCases {
      let answer = try StoredPlanes(given, coding: coding).search()
      #expect(answer.allSatisfy { $0.map(\.id) == Array(0..<500) })
    }
  }

  @Test("when only canonical scores can tell rows apart: float32 sees the same number thousands of times")
  func hiddenDifferences() throws {
    // x = (2^24, i * 2^-10, -2^24): with q = (1, 1, 1) the exact score is i * 2^-10; float32 rounds it away.
    var generator = Seed(62).generator
    let order = (0..<6_000).shuffled(using: &generator)
    let given = ContractCase(
      name: "hidden", metric: .ip, elementType: .f32, dimension: 3,
      rows: order.flatMap { [0x1p24, Float($0) * 0x1p-10, -0x1p24] }, ids: order.map { UInt64(10_000 - $0) },
      queries: [1, 1, 1], k: 50)
    for tier in KernelTier.available {
      for coding in StoredPlanes.Coding.allCases {
        let answer = try StoredPlanes(given, coding: coding).search(kernels(tier))
        #expect(answer == Oracle.answer(given))
        #expect(answer.first?.first == OracleHit(id: 4_001, score: 5_999 * 0x1p-10, interest: 0))
      }
    }
  }

  @Test("zero rows and a zero query are ordinary under ip and l2", arguments: [Metric.ip, .l2])
  func zeros(metric: Metric) throws {
    var given = IndexContract.random(
      .coarse, metric: metric, type: .f16, dimension: 5, count: 100, k: 30, seed: Seed(3))
    for at in 0..<200 { given.rows[at] = at % 2 == 0 ? 0 : -0.0 }
    for at in 0..<5 { given.queries[at] = 0 }
    for coding in StoredPlanes.Coding.allCases {
      let answer = try StoredPlanes(given, coding: coding).search()
      #expect(IndexContract.differences(given, answer) == [])
      #expect(IndexContract.defects(given, answer) == [])
      #expect(answer.allSatisfy { $0.allSatisfy { $0.score != 0 || $0.score.sign == .plus } })
    }
  }
}
