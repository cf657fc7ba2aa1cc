import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("IVF: recall")
struct IVFRecallTests {
  /// Rows around topics with norms of their own, queries turned away from them: two towers, in small.
  private static func towers(_ metric: Metric, rows n: Int, k: Int, seed: Seed) -> ContractCase {
    var generator = seed.generator
    let d = 32
    let topics = (0..<80).map { _ in (0..<d).map { _ in generator.gaussian() } }
    func near(_ spread: Double, _ length: Double) -> [Float] {
      let topic = topics[Int(generator.next() % 80)]
      return (0..<d).map { Float(length * (topic[$0] + spread * generator.gaussian())) }
    }
    let rows = (0..<n).flatMap { _ in near(0.7, 0.5 + generator.uniform()) }
    let queries = (0..<100).flatMap { _ in near(1.2, 3).map { $0 + 0.5 } }
    return ContractCase(
      name: "towers \(seed)", metric: metric, elementType: .f32, dimension: d, rows: rows,
      ids: (0..<UInt64(n)).map { $0 }, queries: queries, k: k)
  }

  /// Floors are a few percent below what was measured when they were written.
  @Test("a tenth of the lists finds most", arguments: Metric.allCases, [Seed(331), Seed(332)])
  func floors(metric: Metric, seed: Seed) throws {
    let given = Self.towers(metric, rows: 20_000, k: 100, seed: seed)
    let listed = try ListedPlanes(given)
    let truth = try listed.stored.search()
    func recall(_ nprobe: Int) throws -> (recall: Double, share: Double) {
      let found = try listed.search(nprobe: nprobe)
      let shared = zip(truth, found.hits).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
      return (Double(shared) / 10_000, Double(found.work.rows) / 2_000_000)
    }
    let tenth = try recall(listed.lists.count / 10)
    let third = try recall(listed.lists.count / 3)
    print("\(metric.name) \(seed): \(listed.lists.count) lists, a tenth \(tenth), a third \(third)")
    #expect(tenth.recall >= 0.90 && tenth.share <= 0.2)
    #expect(third.recall >= 0.98 && third.share <= 0.5)
  }

  @Test("several interests find as large a share of their best rows as one vector of its own", arguments: Metric.allCases)
  func interests(metric: Metric) throws {
    var given = Self.towers(metric, rows: 5_000, k: 50, seed: Seed(333))
    let alone = try ListedPlanes(given)
    given.interests = 4
    let together = try ListedPlanes(given)
    for margin in [nil, -0.3, -1] as [Float?] {
      let joined = try together.search(nprobe: 20, margin: margin).hits
      #expect(IndexContract.defects(together.given, joined) == [])
      let single = IndexContract.recall(alone.given, try alone.search(nprobe: 20, margin: margin).hits)
      let several = IndexContract.recall(together.given, joined)
      #expect(several >= single - 0.03, "\(metric.name), margin \(margin ?? 0): \(several) of several, \(single) of one")
    }
  }
}
