import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Row inspection and canonical scores")
struct RowInspectionTests {
  @Test(
    "the first value that is not finite is named by row and component", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(bad: Float) {
    for d in [1, 2, 15, 16, 17, 64] {
      for place in [0, d - 1, d, 3 * d + d / 2, 5 * d - 1] {
        var rows = [Float](repeating: 1.5, count: 5 * d)
        rows[place] = bad
        rows[5 * d - 1] = bad
        let found = rows.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: d) }
        #expect(found.notFinite?.row == place / d && found.notFinite?.component == place % d)
        #expect(found.norms.count == place / d)
      }
    }
  }

  @Test("norms are right", arguments: VectorShape.allCases)
  func norms(shape: VectorShape) {
    var generator = Seed(41).generator
    for d in [1, 3, 8, 100, 129] {
      let rows = shape.rows(20, dimension: d, type: .f32, using: &generator)
      let found = rows.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: d) }
      #expect(found.notFinite == nil)
      for row in 0..<20 {
        let slice = rows[(row * d)..<(row * d + d)]
        let norm = found.norms[row]
        #expect(norm == Oracle.dot(slice, slice).squareRoot())
      }
    }
  }

  @Test("no rows: nothing is wrong, and nothing is read")
  func empty() {
    let found = RowInspection(rows: UnsafeBufferPointer(start: nil, count: 0), dimension: 3)
    #expect(found.notFinite == nil && found.norms.isEmpty && found.narrowest == .f16)
  }

  @Test(
    "canonical scores equal the written definition bit by bit and are right to the last bit but one",
    arguments: Metric.allCases, VectorShape.allCases)
  func canonical(metric: Metric, shape: VectorShape) {
    for type in ElementType.allCases {
      for d in [1, 2, 7, 8, 9, 16, 63, 200] {
        let given = IndexContract.random(
          shape, metric: metric, type: type, dimension: d, count: 12, k: 1, queries: 1, seed: Seed(UInt64(d)))
        let scores = settle(given)
        for tier in KernelTier.available { #expect(settle(given, tier).map(\.bitPattern) == scores.map(\.bitPattern)) }
        for row in 0..<12 {
          let shown = CanonicalScore.shown(scores[row], metric)
          #expect(shown == Oracle.score(metric, given.query(0, 0), given.row(row)), "\(given) row \(row)")
          expectAccurate(metric, shown, given.query(0, 0), given.row(row))
        }
      }
    }
  }

  /// Settles the rows in reverse, so that row numbers are used, from a buffer that ends at an unmapped page.
  private func settle(_ given: ContractCase, _ tier: KernelTier? = nil) -> [Float] {
    let stored = StoredRows(given.rows, given.elementType)
    let numbers = (0..<UInt32(given.ids.count)).reversed().map { $0 }
    var scores = [Float](repeating: .nan, count: numbers.count)
    numbers.withUnsafeBufferPointer { numbers in
      CanonicalScore.settle(
        given.metric, query: given.queries,
        queryNorm: CanonicalScore.norm(given.queries, dimension: given.dimension), base: stored.buffer.bytes,
        type: given.elementType, dimension: given.dimension, rows: numbers, out: &scores, tier: tier)
    }
    return scores.reversed()
  }

  /// Against a sum in 64-bit mantissas, which x86-64 has: double's error relative to the magnitudes, and one rounding.
  private func expectAccurate(_ metric: Metric, _ score: Float, _ q: ArraySlice<Float>, _ x: ArraySlice<Float>) {
    #if arch(x86_64)
      var cross: Float80 = 0
      var magnitude: Float80 = 0
      var qq: Float80 = 0
      var xx: Float80 = 0
      for (q, x) in zip(q, x) {
        let difference = Float80(q) - Float80(x)
        let term = metric == .l2 ? difference * difference : Float80(q) * Float80(x)
        cross += term
        magnitude += abs(term)
        qq += Float80(q) * Float80(q)
        xx += Float80(x) * Float80(x)
      }
      let divisor = metric == .cosine ? (qq * xx).squareRoot() : 1
      let exact = cross / divisor
      let bound = abs(exact) * 0x1.01p-24 + magnitude / divisor * Float80(q.count + 8) * 0x1p-53 + 0x1p-149
      #expect(abs(Float80(score) - exact) <= bound)
    #endif
  }
}
