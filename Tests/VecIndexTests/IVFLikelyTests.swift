import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("IVF: likely bounds")
struct IVFLikelyTests {
  /// Dense vectors, and such in which bounds matter most: where many scores are near each other.
  private static let shapes: [VectorShape] = [.gaussian, .mixedNorms, .tiny, .cancelling, .duplicates]

  @Test("find what proven bounds find but for a result in ten thousand, with exact scores", arguments: Metric.allCases, shapes)
  func alike(metric: Metric, shape: VectorShape) throws {
    var (asked, missed, settled) = (0, 0, (proven: 0, likely: 0))
    for (dimension, k, seed) in [(64, 10, 331), (64, 150, 332), (128, 60, 333)] as [(Int, Int, UInt64)] {
      let given = IndexContract.random(
        shape, metric: metric, type: .f32, dimension: dimension, count: 4_000, k: k, queries: 150, seed: Seed(seed))
      let listed = try ListedPlanes(given, lists: 60)
      for (nprobe, margin) in [(12, nil), (60, nil), (1, -0.3)] as [(Int, Float?)] {
        let proven = try listed.search(nprobe: nprobe, margin: margin)
        let likely = try listed.search(nprobe: nprobe, margin: margin, certainty: .likely)
        settled = (settled.proven + proven.work.settled, settled.likely + likely.work.settled)
        for (right, found) in zip(proven.hits, likely.hits) {
          #expect(found.count == right.count)
          let known = Dictionary(uniqueKeysWithValues: right.map { ($0.id, $0.score) })
          #expect(found.allSatisfy { hit in known[hit.id].map { $0 == hit.score } ?? true })
          asked += right.count
          missed += right.count - found.filter { known[$0.id] != nil }.count
        }
      }
    }
    #expect(missed * 10_000 <= asked, "\(missed) of \(asked)")
    // Of equal rows all must be settled, however surely they are known.
    if shape == .gaussian { #expect(Double(settled.likely) < 0.85 * Double(settled.proven), "\(settled)") }
  }

  @Test("an answer does not depend on the batch or the tier but for one in a hundred", arguments: Metric.allCases)
  func batches(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 64, count: 6_000, k: 140, queries: 200, seed: Seed(334))
    let listed = try ListedPlanes(given)
    let whole = try listed.search(nprobe: 20, certainty: .likely)
    var differing = 0
    for query in 0..<200 {
      let one = try listed.search(nprobe: 20, queries: query..<(query + 1), certainty: .likely)
      differing += one.hits == [whole.hits[query]] ? 0 : 1
    }
    for tier in KernelTier.available {
      let some = try listed.search(nprobe: 20, kernels(tier), queries: 7..<90, certainty: .likely)
      differing += zip(some.hits, whole.hits[7..<90]).filter { $0 != $1 }.count
    }
    #expect(differing <= 2, "\(differing) answers")
  }

  @Test("up to sixteen dimensions they are the proven ones", arguments: Metric.allCases)
  func fewDimensions(metric: Metric) throws {
    for dimension in [1, 2, 5, 16] {
      let given = IndexContract.random(
        .coarse, metric: metric, type: .f32, dimension: dimension, count: 2_000, k: 30, queries: 40, seed: Seed(335))
      let listed = try ListedPlanes(given, lists: 20)
      let likely = try listed.search(nprobe: 20, certainty: .likely)
      #expect(try listed.search(nprobe: 20).work.settled == likely.work.settled)
      #expect(IndexContract.differences(listed.given, likely.hits) == [])
    }
  }
}
