import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("A coded query")
struct CodedQueryTests {
  /// Rows by number: repeated, in any order, more than a piece of them.
  private func checkNumbered(
    _ scorer: CodedQuery, _ plane: CodePlane, _ truth: [Float], _ given: ContractCase
  ) throws {
    var generator = Seed(272).generator
    let rows = ((0..<UInt32(truth.count)).map { $0 } + [0, 0, 1]).shuffled(using: &generator)
    var scores = [Float](repeating: .nan, count: rows.count)
    var hits = Array(repeating: CodeHit(position: 0, upper: 0, lower: 0), count: rows.count)
    try rows.withUnsafeBufferPointer { numbers in
      scorer.score(numbers, of: plane, out: &scores)
      #expect(scorer.reaching(-.infinity, numbers, of: plane, out: &hits) == rows.count)
      #expect(hits.map(\.position) == rows)
      for (index, row) in rows.enumerated() {
        let score = truth[Int(row)]
        let (upper, lower) = (hits[index].upper, scorer.bound.least(hits[index].lower))
        #expect(upper >= scorer.bound.leastUpper(reaching: score) && lower <= score)
        #expect(scores[index] <= scorer.bound.score(upper) && scores[index] >= lower, "\(given) row \(row)")
      }
      let floor = try #require(truth.sorted().dropFirst(truth.count / 2).first)
      let found = scorer.reaching(floor, numbers, of: plane, out: &hits)
      let reached = Set(hits.prefix(found).map(\.position))
      #expect(rows.allSatisfy { truth[Int($0)] < floor || reached.contains($0) } && found < rows.count)
    }
  }

  @Test(
    "every range's rows have their score within the slack, and none that reaches a floor is left out",
    arguments: CodeTier.allCases, Metric.allCases)
  func ranges(tier: CodeTier, metric: Metric) throws {
    let kernels = try codeKernels(tier)
    for (d, count) in [(5, 40), (64, 333)] {
      let given = IndexContract.random(
        .mixedNorms, metric: metric, type: .f16, dimension: d, count: count, k: 1, seed: Seed(271))
      let coded = StoredPlanes(given).coded()
      defer { withExtendedLifetime(coded) {} }
      let sketches = try #require(coded.plane.sketches)
      for query in 0..<given.queryCount {
        let scorer = CodedQuery(Array(given.query(query, 0)), dimension: d, metric: metric, kernels: kernels)
        let truth = (0..<count).map { row in
          let shown = Oracle.score(metric, given.query(query, 0), given.row(row))
          return metric == .l2 ? -shown : shown
        }
        try checkNumbered(scorer, coded.plane, truth, given)
        for range in [0..<count, 0..<1, 15..<17, 16..<32, 7..<39, 33..<33, (count - 1)..<count] {
          let room = CodedQuery.room(for: range)
          let start = CodedQuery.start(of: range)
          #expect(start % 16 == 0 && start <= range.lowerBound && start + room >= range.upperBound)
          var scores = [Float](repeating: .nan, count: room)
          var slacks = [Float](repeating: .nan, count: room)
          scorer.score(range, of: sketches, scores: &scores, slacks: &slacks)
          for row in range {
            let least = scorer.bound.leastUpper(reaching: truth[row])
            #expect(scores[row - start] + slacks[row - start] >= least, "\(given) row \(row)")
          }
          for floor in [-Float.infinity, truth.sorted()[count / 2], truth.max() ?? 0] {
            var numbers = [UInt32](repeating: 0, count: room)
            let found = scorer.reaching(floor, range, of: sketches, out: &numbers)
            let rows = numbers.prefix(found).map { Int($0) }
            #expect(rows == rows.sorted() && rows.allSatisfy { range.contains($0) })
            #expect(Set(range.filter { truth[$0] >= floor }).isSubset(of: rows), "\(given) floor \(floor)")
            if floor == -.infinity { #expect(rows == Array(range)) }
          }
        }
      }
    }
  }
}
