import Dispatch
import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("Coded rows")
struct CodedRowsTests {
  private static func team(_ width: Int) -> WorkTeam {
    WorkTeam(width: width) { count, body in DispatchQueue.concurrentPerform(iterations: count, execute: body) }
  }

  @Test("the same bytes for any number of workers, and the lengths of the layout", arguments: Metric.allCases)
  func workers(metric: Metric) {
    for (d, n) in [(1, 1), (7, 15), (33, 16), (64, 3_001), (130, 1_100)] {
      let given = IndexContract.random(
        .mixedNorms, metric: metric, type: .f16, dimension: d, count: n, k: 1, seed: Seed(251))
      let stored = StoredPlanes(given)
      let one = stored.coded()
      defer { withExtendedLifetime(one) {} }
      #expect(one.codeBytes.count == one.layout.codeByteCount && one.sketchBytes?.count == one.layout.sketchByteCount)
      for width in [2, 3, 8] {
        let many = stored.coded(team: Self.team(width))
        defer { withExtendedLifetime(many) {} }
        #expect(one.codeBytes.elementsEqual(many.codeBytes))
        #expect(one.sketchBytes.map { a in many.sketchBytes.map { a.elementsEqual($0) } ?? false } ?? false)
      }
      let bare = stored.coded(sketched: false)
      defer { withExtendedLifetime(bare) {} }
      #expect(bare.sketchBytes == nil && bare.plane.sketches == nil && bare.codeBytes.elementsEqual(one.codeBytes))
    }
  }

  @Test("a sample that misleads costs a second search, not a wrong answer", arguments: [1, 33])
  func misleadingSample(queries: Int) throws {
    // The rows that guesses are made from score best, by far more than their share. One vector samples rows at
    // multiples of 16, a group tiles of 4 or 8 rows spread evenly.
    let count = 65_536
    var generator = Seed(253).generator
    var rows: [Float] = []
    for row in 0..<count {
      let isSampled = row % 16 == 0 || row % 128 < 8
      rows += [Float(generator.uniform()) + (isSampled ? 5 : 0), Float(generator.uniform())]
    }
    let given = ContractCase(
      name: "misleading", metric: .ip, elementType: .f32, dimension: 2, rows: rows, ids: (0..<UInt64(count)).map { $0 },
      queries: (0..<queries).flatMap { [1, Float($0) / 100] }, k: 700)
    for coding in StoredPlanes.Coding.allCases {
      let answer = try StoredPlanes(given, coding: coding).search()
      #expect(IndexContract.differences(given, answer) == [])
    }
  }

  @Test("codes of another metric or shape than the search's are an error")
  func misfits() {
    let given = IndexContract.random(.gaussian, metric: .ip, type: .f32, dimension: 4, count: 9, k: 1, seed: Seed(254))
    let stored = StoredPlanes(given, coding: .codes)
    let error = #expect(throws: VecError.self) {
      try given.queries.withUnsafeBufferPointer {
        try FlatIndex(kernels: Kernels(), metric: .l2).search(
          queries: $0, dimension: 4, interests: 1, k: 1, planes: stored.planes, shouldStop: { false })
      }
    }
    #expect(error?.code == .internalDefect)
  }
}
