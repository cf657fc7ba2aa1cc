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

  @Test("stored bytes, adopted or copied, give the same codes; wrong ones are refused", arguments: Metric.allCases)
  func adoption(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 20, count: 100, k: 1, seed: Seed(252))
    let stored = StoredPlanes(given)
    let coded = stored.coded()
    defer { withExtendedLifetime(coded) {} }
    let sketches = try #require(coded.sketchBytes)
    let copy = try CodedRows(copying: coded.codeBytes, sketches: sketches, layout: coded.layout)
    defer { withExtendedLifetime(copy) {} }
    #expect(copy.codeBytes.elementsEqual(coded.codeBytes))
    #expect(try CodePlane(adopting: coded.codeBytes, sketches: nil, layout: coded.layout).sketches == nil)

    let other = CodeLayout(rowCount: 99, dimension: 20, metric: metric)
    for (codeBytes, sketchBytes, layout) in [
      (UnsafeRawBufferPointer(rebasing: coded.codeBytes.dropLast()), sketches, coded.layout),
      (coded.codeBytes, UnsafeRawBufferPointer(rebasing: sketches.dropLast(64)), coded.layout),
      (coded.codeBytes, sketches, other), (UnsafeRawBufferPointer(start: nil, count: 0), sketches, coded.layout),
    ] {
      let error = #expect(throws: VecError.self) {
        try CodePlane(adopting: codeBytes, sketches: sketchBytes, layout: layout)
      }
      #expect(error?.code == .segmentDamaged)
    }
    // Each factor of the last row of both sections in turn: NaN, negative, infinite, huge.
    let factors = coded.codeBytes.count - 16
    for place in 0..<4 {
      for bad in [Float.nan, -.infinity, .infinity, 3e38, place == 3 ? 1 : -1] {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: coded.codeBytes.count, alignment: 64)
        defer { bytes.deallocate() }
        bytes.copyMemory(from: coded.codeBytes)
        bytes.storeBytes(of: bad, toByteOffset: factors + 4 * place, as: Float.self)
        #expect(throws: VecError.self) {
          try CodePlane(adopting: UnsafeRawBufferPointer(bytes), sketches: nil, layout: coded.layout)
        }
      }
    }
    let arrays = (metric == .l2 ? 3 : 2) * 112 * 4 + 64
    let scales = sketches.count - arrays
    for place in [scales + 99 * 4, scales + (112 + 99) * 4, sketches.count - 64 + 6 * 4] {
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: sketches.count, alignment: 64)
      defer { bytes.deallocate() }
      bytes.copyMemory(from: sketches)
      bytes.storeBytes(of: Float.nan, toByteOffset: place, as: Float.self)
      #expect(throws: VecError.self) {
        try CodePlane(adopting: coded.codeBytes, sketches: UnsafeRawBufferPointer(bytes), layout: coded.layout)
      }
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
