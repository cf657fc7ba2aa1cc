import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("Stopping and refusing")
struct FlatStopTests {
  static let given = IndexContract.random(
    .gaussian, metric: .ip, type: .f32, dimension: 256, count: 20_000, k: 10, queries: 16, seed: Seed(81))

  @Test(
    "a search that is told to stop throws deadline-exceeded, at the start and in the middle",
    arguments: StoredPlanes.Coding.allCases, [1, 16])
  func stops(coding: StoredPlanes.Coding, queries: Int) throws {
    var given = Self.given
    given.queries = Array(given.queries.prefix(256 * queries))
    let planes = StoredPlanes(given, coding: coding)
    var asked = 0
    _ = try planes.search(shouldStop: { asked += 1; return false })
    #expect(asked > (queries == 1 ? 0 : 5))
    for allowed in [0, 1, asked / 2, asked - 1] where allowed < asked {
      var left = allowed
      let error = #expect(throws: VecError.self) {
        try planes.search(shouldStop: { left -= 1; return left < 0 })
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test("settling thousands of equal rows asks too")
  func stopsWhileSettling() throws {
    var given = IndexContract.random(
      .coarse, metric: .l2, type: .f32, dimension: 1_024, count: 5_000, k: 2_000, queries: 1, seed: Seed(82))
    given.rows = Array(repeating: 1, count: given.rows.count)
    var asked = 0
    _ = try StoredPlanes(given).search(shouldStop: { asked += 1; return false })
    #expect(asked >= 5)  // 20 million scanned values, and five million settled at four times the price
  }

  @Test("arguments that do not fit together are an error, not a crash")
  func misfits() {
    let planes = StoredPlanes(Self.given).planes
    let index = FlatIndex(kernels: Kernels(), metric: .cosine)  // and the planes have no inverse norms
    let shapes = [(256, 256, 1, 5), (255, 256, 1, 5), (10, 10, 1, 5), (256, 256, 1, 0), (0, 0, 1, 1)]
    for (values, dimension, interests, k) in shapes {
      let queries = [Float](repeating: 1, count: values)
      let error = #expect(throws: VecError.self) {
        try queries.withUnsafeBufferPointer {
          try index.search(
            queries: $0, dimension: dimension, interests: interests, k: k, planes: planes, shouldStop: { false })
        }
      }
      #expect(error?.code == .internalDefect)
    }
  }

  @Test("no planes or no queries: no hits")
  func nothing() throws {
    let index = FlatIndex(kernels: Kernels(), metric: .ip)
    let none = try [Float](repeating: 1, count: 6).withUnsafeBufferPointer {
      try index.search(queries: $0, dimension: 3, interests: 1, k: 5, planes: [], shouldStop: { false })
    }
    #expect(none == [[], []])
    let empty = try index.search(
      queries: UnsafeBufferPointer(start: nil, count: 0), dimension: 256, interests: 1, k: 5,
      planes: StoredPlanes(Self.given).planes, shouldStop: { false })
    #expect(empty.isEmpty)
  }

  @Test("NaN and infinity in a query that nobody checked break nothing", arguments: [Float.nan, .infinity])
  func unchecked(bad: Float) throws {
    for metric in Metric.allCases {
      for queries in [1, 40] {
        var given = IndexContract.random(
          .gaussian, metric: metric, type: .f32, dimension: 9, count: 5_000, k: 20, queries: queries, seed: Seed(83))
        given.queries[4] = bad
        for coding in StoredPlanes.Coding.allCases {
          let answer = try StoredPlanes(given, coding: coding).search()
          #expect(answer.count == queries)
          #expect(answer.allSatisfy { $0.count <= 20 })
        }
      }
    }
  }
}
