import Testing
import VecCore
import VecIndex

@Suite("Query checks")
struct QueryCheckTests {
  private func error(_ vectors: [Float], _ dimension: Int, _ interests: Int, _ metric: Metric) -> VecError? {
    do {
      try QueryCheck.check(vectors, dimension: dimension, interests: interests, metric: metric)
      return nil
    } catch { return error }
  }

  @Test("a value that is not finite is named by query, interest and component", arguments: [Float.nan, -.infinity])
  func notFinite(bad: Float) {
    var vectors = [Float](repeating: 1, count: 3 * 2 * 4)
    vectors[2 * 8 + 1 * 4 + 3] = bad
    let found = error(vectors, 4, 2, .ip)
    #expect(found?.code == .valueNotFinite)
    #expect(found?.message.contains("query 2, interest 1, component 3 is \(bad)") == true)
  }

  @Test("norms have limits, and under cosine a least one")
  func norms() {
    #expect(error([1e18, 0], 2, 1, .l2)?.code == nil)
    #expect(error([1, 1, 1e18, 1e18], 2, 1, .l2)?.code == .normOutOfRange)
    #expect(error([1, 1, 1e18, 1e18], 2, 1, .l2)?.message.contains("query 1, interest 0") == true)
    #expect(error([0, 0], 2, 1, .ip) == nil)
    #expect(error([0, 0], 2, 1, .cosine)?.code == .normOutOfRange)
    #expect(error([1, 1e-31], 1, 2, .cosine)?.message.contains("query 0, interest 1") == true)
    #expect(error([1, 2e-30], 1, 2, .cosine) == nil)
  }

  @Test("values that are no whole number of queries are a dimension mismatch")
  func shape() {
    #expect(error([1, 2, 3], 2, 1, .ip)?.code == .dimensionMismatch)
    #expect(error([], 2, 1, .ip)?.code == .dimensionMismatch)
    #expect(error([1], 0, 1, .ip)?.code == .invalidArgument)
    #expect(error([1], 1, 0, .ip)?.code == .invalidArgument)
    #expect(error([1], 1, 9, .ip)?.code == .limitExceeded)
    #expect(error([1], 4_097, 1, .ip)?.code == .limitExceeded)
  }
}
