import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Kernels over sketches")
struct SketchKernelTests {
  /// Any bytes, scales that keep every score an exact integer, and everything right before an unmapped page.
  private struct Stored {
    let dimension: Int
    let count: Int
    let padded: Int
    let halves: [UInt8]
    let scale: [Float]
    let offset: [Float]
    private let buffers: [GuardedBuffer]

    init(dimension: Int, count: Int, using generator: inout SplitMix64) {
      self.dimension = dimension
      self.count = count
      let blocks = (count + 15) / 16
      padded = blocks * 16
      let groups = (dimension + 7) / 8
      // Every seventh row has the greatest sums that there are.
      halves = (0..<(padded * groups * 8)).map { at in at / (groups * 8) % 7 == 3 ? 15 : UInt8(generator.next() & 15) }
      var bytes = [UInt8](repeating: 0, count: blocks * groups * 64)
      for row in 0..<padded {
        for at in 0..<(groups * 8) {
          let half = halves[row * groups * 8 + at]
          bytes[(row / 16 * groups + at / 8) * 64 + row % 16 * 4 + at % 4] |= half << (at % 8 < 4 ? 0 : 4)
        }
      }
      scale = (0..<padded).map { _ in Float(generator.next() % 3) }
      offset = (0..<padded).map { _ in -Float(generator.next() % 1_000) }
      let error = (0..<padded).map { Float($0 % 7) }
      let length = (0..<blocks).map { Float($0) }
      buffers = [
        bytes.withUnsafeBytes { GuardedBuffer(copying: $0) }, scale.withUnsafeBytes { GuardedBuffer(copying: $0) },
        error.withUnsafeBytes { GuardedBuffer(copying: $0) }, length.withUnsafeBytes { GuardedBuffer(copying: $0) },
        offset.withUnsafeBytes { GuardedBuffer(copying: $0) },
      ]
    }

    func rows(hasOffset: Bool) -> SketchRows {
      SketchRows(
        blocks: UnsafePointer(buffers[0].bytes.assumingMemoryBound(to: UInt8.self)), dimension: dimension,
        scale: floats(1), error: floats(2), length: floats(3), offset: hasOffset ? floats(4) : nil)
    }

    private func floats(_ index: Int) -> UnsafePointer<Float> {
      UnsafePointer(buffers[index].bytes.assumingMemoryBound(to: Float.self))
    }

    func score(_ query: [Int8], _ row: Int, hasOffset: Bool) -> Float {
      let width = (dimension + 7) / 8 * 8
      let product = (0..<width).reduce(0) { $0 + Int(query[$1]) * (2 * Int(halves[row * width + $1]) - 15) }
      return Float(product) * scale[row] + (hasOffset ? offset[row] : 0)
    }

    func slack(_ row: Int) -> Float { Float(row % 7) * 4 + Float(row / 16) * 2 }
  }

  @Test("several queries share what any of them finds, in every tier", arguments: CodeTier.allCases)
  func joined(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(212).generator
    // 8 dimensions a group, of which a kernel may add 4 or 8 before it widens the sums.
    for dimension in [8, 31, 32, 40, 64, 72, 200] {
      let (count, width) = (91, (dimension + 7) / 8 * 8)
      let stored = Stored(dimension: dimension, count: count, using: &generator)
      let rows = stored.rows(hasOffset: true)
      for number in 1...9 {
        // The greatest codes of one sign and the greatest halves are what sums have to hold.
        let codes = (0..<number).map { query in
          query == 1 ? [Int8](repeating: 127, count: width) : StoredCodes.query(width, using: &generator)
        }
        let asked = codes.flatMap { $0 }.withUnsafeBytes { GuardedBuffer(copying: $0) }
        let least = Float(generator.uniform() * 4_000)
        let queries = codes.indices.map { query in
          SketchQuery(
            codes: UnsafePointer(asked.bytes.assumingMemoryBound(to: Int8.self)) + query * width,
            bias: -15 * codes[query].reduce(0) { $0 + Int32($1) }, scale: 1, errorWeight: 4, lengthWeight: 2,
            least: least)
        }
        let out = GuardedBuffer(count * 4)
        let numbers = out.bytes.assumingMemoryBound(to: UInt32.self)
        let found = kernels.hits(queries, sketches: rows, first: 0, count: count, out: numbers)
        let right = (0..<count).filter { row in
          codes.contains { stored.score($0, row, hasOffset: true) + stored.slack(row) >= least }
        }
        #expect(UnsafeBufferPointer(start: numbers, count: found).map { Int($0) } == right, "\(tier) \(number)")
      }
    }
  }

  @Test("scores and hits are those of the definition, in every tier", arguments: CodeTier.allCases, [false, true])
  func definition(tier: CodeTier, hasOffset: Bool) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(211).generator
    for dimension in [1, 7, 8, 9, 16, 33, 64, 100, 128, 256, 1_025] {
      for count in [1, 15, 16, 17, 40, 64] {
        let stored = Stored(dimension: dimension, count: count, using: &generator)
        let rows = stored.rows(hasOffset: hasOffset)
        let width = (dimension + 7) / 8 * 8
        let codes = StoredCodes.query(width, using: &generator)
        let asked = codes.withUnsafeBytes { GuardedBuffer(copying: $0) }
        var query = SketchQuery(
          codes: UnsafePointer(asked.bytes.assumingMemoryBound(to: Int8.self)),
          bias: -15 * codes.reduce(0) { $0 + Int32($1) }, scale: 1, errorWeight: 4, lengthWeight: 2)
        for first in count > 16 ? [0, 16] : [0] {
          let room = (count - first + 15) / 16 * 16
          var scores = [Float](repeating: .nan, count: room)
          var slacks = [Float](repeating: .nan, count: room)
          kernels.scores(
            query, sketches: rows, first: first, count: count - first, scores: &scores, slacks: &slacks)
          let right = (first..<count).map { stored.score(codes, $0, hasOffset: hasOffset) }
          #expect(Array(scores.prefix(count - first)) == right, "\(tier) d=\(dimension) count \(count)")
          #expect(Array(slacks.prefix(count - first)) == (first..<count).map { stored.slack($0) })
          let uppers = zip(right, (first..<count).map { stored.slack($0) }).map { $0 + $1 }
          for least in [-Float.infinity, uppers.sorted()[uppers.count / 2], .infinity] {
            query.least = least
            let out = GuardedBuffer((count - first) * 4)
            let numbers = out.bytes.assumingMemoryBound(to: UInt32.self)
            let found = kernels.hits(query, sketches: rows, first: first, count: count - first, out: numbers)
            let right = uppers.indices.filter { uppers[$0] >= least }.map { UInt32(first + $0) }
            #expect(Array(UnsafeBufferPointer(start: numbers, count: found)) == right)
            // A word and a bit more than the rows need; a block of 16 that none may be found of is among them at times.
            let patterns: [UInt64] = [.max, 0, 0xFFFF_0000_A5C3_0001, generator.next() & generator.next()]
            for pattern in patterns {
              let allowed = [pattern, ~pattern]
              let some = kernels.hits(
                query, sketches: rows, allowed: allowed, first: first, count: count - first, out: numbers)
              let allowedOnes = right.filter { (row: UInt32) -> Bool in (pattern >> UInt64(row)) & 1 == 1 }
              #expect(Array(UnsafeBufferPointer(start: numbers, count: some)) == allowedOnes, "\(tier) of \(pattern)")
            }
          }
        }
      }
    }
  }
}
