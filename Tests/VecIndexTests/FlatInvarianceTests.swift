import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("The flat index gives the same bits")
struct FlatInvarianceTests {
  @Test(
    "in every tier, batch and cut into planes", arguments: Metric.allCases,
    [VectorShape.gaussian, .mixedNorms, .cancelling, .duplicates])
  func sameBits(metric: Metric, shape: VectorShape) throws {
    // 300 queries are more than one internal batch.
    let given = IndexContract.random(
      shape, metric: metric, type: .f32, dimension: 40, count: 3_000, k: 70, queries: 300, seed: Seed(71))
    let whole = StoredPlanes(given)
    let reference = try whole.search()
    #expect(reference.count == 300)
    for tier in KernelTier.available { #expect(try bits(whole.search(kernels(tier))) == bits(reference)) }
    for coding in StoredPlanes.Coding.allCases where coding != .none {
      let coded = StoredPlanes(given, cuts: [2_000], coding: coding)
      for tier in KernelTier.available { #expect(try bits(coded.search(kernels(tier))) == bits(reference)) }
      for queries in [0..<1, 5..<8, 7..<26, 0..<35, 255..<300] {
        #expect(try bits(coded.search(queries: queries)) == bits(Array(reference[queries])))
      }
    }
    for cuts in [[1], [1_500], [0, 7, 7, 2_999], [500, 1_000, 1_500, 2_000, 2_500]] {
      #expect(try bits(StoredPlanes(given, cuts: cuts).search()) == bits(reference))
    }
    for query in [0, 1, 31, 32, 255, 256, 299] {
      #expect(try bits(whole.search(queries: query..<(query + 1))) == bits([reference[query]]))
    }
    #expect(try bits(whole.search(queries: 3..<20)) == bits(Array(reference[3..<20])))
  }

  @Test("when k is so large that a batch is cut by memory")
  func largeK() throws {
    let given = IndexContract.random(
      .gaussian, metric: .ip, type: .bf16, dimension: 4, count: 30_000, k: 16_384, queries: 100, seed: Seed(72))
    let planes = StoredPlanes(given, cuts: [20_000])
    let batch = try planes.search()
    for query in [0, 63, 64, 99] {
      let single = try planes.search(queries: query..<(query + 1))
      #expect(single.first?.count == 16_384)
      #expect(bits([batch[query]]) == bits(single))
    }
    var one = given
    one.queries = Array(given.queries[0..<4])
    #expect(IndexContract.differences(one, [batch[0]]) == [])
  }

  /// Scores by their bits, so that a zero of the other sign would show.
  private func bits(_ answer: [[OracleHit]]) -> [[[UInt64]]] {
    answer.map { hits in hits.map { [$0.id, UInt64($0.score.bitPattern), UInt64($0.interest)] } }
  }
}
