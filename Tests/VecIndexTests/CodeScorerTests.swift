import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("Scores of coded rows by number")
struct CodeScorerTests {
  @Test("scores and distances are near the true ones, in every tier", arguments: CodeTier.allCases, Metric.allCases)
  func near(tier: CodeTier, metric: Metric) throws {
    let kernels = try codeKernels(tier)
    for (d, count) in [(3, 5), (32, 40), (64, 130), (130, 200)] {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f32, dimension: d, count: count, k: 1, seed: Seed(261))
      let stored = StoredPlanes(given)
      let coded = stored.coded()
      defer { withExtendedLifetime(coded) {} }
      let scorer = CodeScorer(coded.plane, kernels: kernels)
      #expect(scorer.rowCount == count && scorer.queryByteCount % 64 == 0)
      let query = UnsafeMutableRawPointer.allocate(byteCount: scorer.queryByteCount, alignment: 64)
      defer { query.deallocate() }
      var generator = Seed(262).generator
      let rows = (0..<UInt32(count)).shuffled(using: &generator)
      var found = [Float](repeating: .nan, count: count)

      let vector = Array(given.query(1, 0))
      scorer.prepare(vector, into: query)
      scorer.score(query, rows, count, &found)
      let norms = (0..<count).map { Oracle.dot(given.row($0), given.row($0)).squareRoot() }
      let norm = metric == .cosine ? 1 : Oracle.dot(vector[...], vector[...]).squareRoot()
      for (index, row) in rows.enumerated() {
        let shown = Double(Oracle.score(metric, vector[...], given.row(Int(row))))
        let score = metric == .l2 ? -shown : shown
        let size = norm * (metric == .cosine ? 1 : norms[Int(row)])
        #expect(abs(Double(found[index]) - score) <= 0.04 * size, "\(given) row \(row)")
      }

      let own = UInt32(count / 2)
      scorer.prepare(row: own, into: query)
      scorer.distance(query, rows, count, &found)
      let greatest = norms.max() ?? 0
      for (index, row) in rows.enumerated() {
        var truth = Oracle.squaredDistance(given.row(Int(own)), given.row(Int(row)))
        let (a, b) = (norms[Int(own)], norms[Int(row)])
        if metric == .cosine { truth = 2 - 2 * Oracle.dot(given.row(Int(own)), given.row(Int(row))) / (a * b) }
        if metric == .ip {
          let more = max(0, greatest * greatest - a * a).squareRoot() - max(0, greatest * greatest - b * b).squareRoot()
          truth += more * more
        }
        let size = metric == .cosine ? 1 : greatest * greatest
        #expect(found[index] >= 0 && abs(Double(found[index]) - truth) <= 0.06 * size, "\(given) row \(row)")
        if row == own { #expect(Double(found[index]) <= 1e-5 * size) }
      }
      for row in rows { scorer.prefetch(row) }
    }
  }

  @Test("equal rows are the same and have one hash; others are not")
  func sameness() {
    let given = IndexContract.random(
      .duplicates, metric: .ip, type: .f32, dimension: 40, count: 60, k: 1, seed: Seed(263))
    let stored = StoredPlanes(given)
    let coded = stored.coded()
    defer { withExtendedLifetime(coded) {} }
    let scorer = CodeScorer(coded.plane, kernels: CodeKernels(within: .best))
    for a in 0..<60 {
      for b in 0..<60 {
        let isSame = given.row(a).elementsEqual(given.row(b))
        #expect(scorer.isSame(UInt32(a), UInt32(b)) == isSame)
        #expect((scorer.hash(UInt32(a)) == scorer.hash(UInt32(b))) == isSame)
      }
    }
  }
}
