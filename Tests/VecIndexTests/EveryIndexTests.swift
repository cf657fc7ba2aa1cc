import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// The same cases put to every index, through the search that the engine uses, over one segment and over several.
@Suite("Every index")
struct EveryIndexTests {
  /// Segments of a case, each with all indexes over its own rows.
  struct Segments {
    let given: ContractCase
    private let parts: [ListedPlanes]
    private let indexes: [IndexSet]

    init(_ given: ContractCase, count: Int) throws {
      self.given = given
      let n = given.ids.count
      let d = given.dimension
      parts = try (0..<count).map { number in
        let rows = (number * n / count)..<((number + 1) * n / count)
        var part = given
        part.rows = Array(given.rows[(rows.lowerBound * d)..<(rows.upperBound * d)])
        part.ids = Array(given.ids[rows])
        return try ListedPlanes(part)
      }
      let none = UnsafeBufferPointer<Float>(start: nil, count: 0)
      indexes = try parts.map { part in
        let plane = part.stored.planes[0]
        let graph = try HNSWIndex(kernels: Kernels(), metric: given.metric).build(
          plane, codes: plane.codes, HNSWParameters(links: 8, efConstruction: 60), queries: none, team: .single,
          progress: { _ in }, shouldStop: { false }
        ).graph
        return IndexSet(lists: part.lists, graph: graph)
      }
    }

    func search(_ type: IndexType, effort: UInt32) throws -> [[OracleHit]] {
      let segments = zip(parts, indexes).map { SearchedSegment(indexes: $1, plane: $0.stored.planes[0]) }
      let plan = SearchPlan(
        index: type, parameters: type == .flat ? [] : parts.map { _ in effort }, expectedRecall: 0)
      let found = try given.queries.withUnsafeBufferPointer {
        try IndexSearch(kernels: Kernels()).search(
          plan, segments, metric: given.metric, queries: $0, dimension: given.dimension, interests: given.interests,
          k: given.k, shouldStop: { false }
        ).results
      }
      return found.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }
    }
  }

  /// Dimensions around the widths of registers and code strides up to 1025; no row, one row, fewer rows than k.
  static let shapes: [(d: Int, n: Int, k: Int, interests: Int)] = [
    (1, 0, 3, 1), (1, 1, 5, 1), (1, 200, 10, 2), (2, 9, 40, 1), (31, 300, 20, 1), (32, 257, 300, 3), (33, 120, 7, 4),
    (63, 90, 9, 1), (64, 513, 64, 1), (65, 64, 8, 2), (127, 80, 10, 1), (128, 333, 50, 1), (129, 60, 6, 1),
    (255, 70, 7, 1), (512, 40, 11, 1), (1025, 50, 12, 2),
  ]

  @Test(
    "gives the oracle's answer where it looks at everything, and keeps its form where it does not, whatever the rows",
    arguments: VectorShape.allCases, Metric.allCases)
  func contract(shape: VectorShape, metric: Metric) throws {
    for (index, (d, n, k, interests)) in Self.shapes.enumerated() {
      let given = IndexContract.random(
        shape, metric: metric, type: ElementType.allCases[index % 3], dimension: d, count: n, k: k, queries: 4,
        interests: interests, seed: Seed(401))
      for count in [1, 3] where n >= 10 * count || count == 1 {
        let segments = try Segments(given, count: count)
        #expect(IndexContract.differences(given, try segments.search(.flat, effort: 0)) == [])
        #expect(IndexContract.differences(given, try segments.search(.ivf, effort: 65_536)) == [])
        for (type, effort) in [(IndexType.ivf, 1), (.ivf, 5), (.hnsw, 1), (.hnsw, 100)] as [(IndexType, UInt32)] {
          let answer = try segments.search(type, effort: effort)
          #expect(IndexContract.defects(given, answer) == [])
          #expect(answer.allSatisfy { $0.count == min(k, n) }, "\(given): \(type.name) \(effort), \(count) segments")
        }
      }
    }
  }

  @Test("holds its floor of recall over 50,000 rows, in one segment and in four", arguments: Metric.allCases)
  func large(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 12, count: 50_000, k: 100, queries: 12, seed: Seed(402))
    for count in [1, 4] {
      let segments = try Segments(given, count: count)
      #expect(IndexContract.differences(given, try segments.search(.flat, effort: 0)) == [])
      for (type, effort, floor) in [(IndexType.ivf, 100, 0.9), (.hnsw, 400, 0.95)] as [(IndexType, UInt32, Double)] {
        let answer = try segments.search(type, effort: effort)
        #expect(IndexContract.defects(given, answer) == [])
        #expect(IndexContract.recall(given, answer) >= floor, "\(metric.name), \(type.name), \(count) segments")
      }
    }
  }
}
