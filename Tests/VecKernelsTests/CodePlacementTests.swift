import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Kernels over codes and sketches at every alignment, right before an unmapped page")
struct CodePlacementTests {
  @Test("hits and peaks of byte codes", arguments: CodeTier.allCases)
  func hits(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(231).generator
    for (stride, vectors) in [(32, 1), (64, 2), (192, 1)] {
      let count = 2 * kernels.tileRows
      let stored = StoredCodes(stride: stride, count: count + 1, using: &generator)
      let group = StoredGroup(stride: stride, vectors: vectors, kernels: kernels, using: &generator)
      let lanes = group.lanes
      let packed = group.with([Float](repeating: 0, count: lanes)) {
        Array(UnsafeBufferPointer(start: $0.packed, count: stride * lanes))
      }
      var first: (hits: [CodeHit], peaks: [Float]) = ([], [])
      for slack in 0..<64 {
        let codes = Placed(stored.rows, slack: slack)
        let queries = Placed(packed, slack: slack == 0 ? 0 : 64 - slack)
        // Factors and results are arrays of structures, which lie at multiples of 4.
        let factors = Placed(stored.factors, slack: slack * 4 % 64)
        let room = Placed<CodeHit>(room: (count + 1) * lanes, slack: slack * 4 % 64)
        let peaks = Placed<Float>(room: 2 * lanes, slack: slack * 4 % 64)
        let found = group.with([Float](repeating: -1, count: lanes)) { given -> Int in
          var moved = given
          moved.packed = UnsafePointer(queries.pointer)
          kernels.peaks(
            moved, codes: codes.pointer, factors: factors.pointer, first: 0, count: count, stride: stride,
            out: peaks.pointer)
          return kernels.hits(
            moved, codes: codes.pointer, factors: factors.pointer, first: 0, count: count + 1, stride: stride,
            out: room.pointer)
        }
        withExtendedLifetime((codes, queries, factors)) {}
        let hits = Array(room.values.prefix(found))
        if slack == 0 { first = (hits, peaks.values) }
        #expect(!hits.isEmpty && hits == first.hits && peaks.values == first.peaks, "stride \(stride) slack \(slack)")
      }
    }
  }

  @Test("hits and scores of sketches", arguments: CodeTier.allCases)
  func sketches(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(232).generator
    for dimension in [1, 8, 33, 100] {
      let count = 20
      let bytes = (0..<(2 * RowSketch.blockBytes(dimension: dimension))).map { _ in
        UInt8(truncatingIfNeeded: generator.next())
      }
      let query = StoredCodes.query((dimension + 7) / 8 * 8, using: &generator)
      let factors = (0..<4).map { _ in (0..<32).map { _ in Float(generator.uniform()) } }
      var first: (hits: [UInt32], scores: [Float], slacks: [Float]) = ([], [], [])
      for slack in 0..<64 {
        let blocks = Placed(bytes, slack: slack)
        let codes = Placed(query, slack: slack == 0 ? 0 : 64 - slack)
        let placed = factors.map { Placed($0, slack: slack * 4 % 64) }
        let lengths = Placed(Array(factors[3].prefix(2)), slack: slack * 4 % 64)
        let rows = SketchRows(
          blocks: blocks.pointer, dimension: dimension, scale: placed[0].pointer, error: placed[1].pointer,
          length: lengths.pointer, offset: placed[2].pointer)
        let asked = SketchQuery(
          codes: codes.pointer, bias: -15 * query.reduce(0) { $0 + Int32($1) }, scale: 0.01, errorWeight: 1,
          lengthWeight: 1, least: 0)
        let numbers = Placed<UInt32>(room: count, slack: slack * 4 % 64)
        let found = kernels.hits(asked, sketches: rows, first: 0, count: count, out: numbers.pointer)
        let scores = Placed<Float>(room: 32, slack: slack * 4 % 64)
        let slacks = Placed<Float>(room: 32, slack: slack * 4 % 64)
        kernels.scores(
          asked, sketches: rows, first: 0, count: count, scores: scores.pointer, slacks: slacks.pointer)
        withExtendedLifetime((blocks, codes, placed, lengths)) {}
        let all = (
          Array(numbers.values.prefix(found)), Array(scores.values.prefix(count)), Array(slacks.values.prefix(count))
        )
        if slack == 0 { first = all }
        #expect(all.0 == first.hits && all.1 == first.scores && all.2 == first.slacks, "d=\(dimension) slack \(slack)")
      }
    }
  }
}
