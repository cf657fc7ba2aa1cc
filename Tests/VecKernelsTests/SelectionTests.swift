import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Selecting and scaling")
struct SelectionTests {
  static let specials: [Float] = [
    .infinity, -.infinity, .nan, 0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
  ]

  static func scores(_ count: Int, _ generator: inout SplitMix64) -> [Float] {
    (0..<count).map { _ in
      generator.next() % 5 == 0
        ? specials[Int(generator.next() % UInt64(specials.count))] : Float(generator.gaussian())
    }
  }

  @Test("exactly the scores that reach the threshold are selected, NaN never", arguments: KernelTier.allCases)
  func flat(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(21).generator
    for count in 0...130 {
      let scores = Self.scores(count, &generator)
      let guarded = scores.withUnsafeBytes { GuardedBuffer(copying: $0) }
      for threshold in [-.infinity, .infinity, .nan, 0, 0.5, scores.first ?? 1] as [Float] {
        let out = GuardedBuffer(count * 4)
        let positions = out.bytes.assumingMemoryBound(to: UInt32.self)
        let found = kernels.select(
          guarded.bytes.assumingMemoryBound(to: Float.self), count: count, threshold: threshold, out: positions)
        let right = scores.indices.filter { scores[$0] >= threshold }
        #expect((0..<found).map { Int(positions[$0]) } == right)
      }
    }
  }

  @Test("in a tile every lane has its own threshold", arguments: KernelTier.allCases)
  func tile(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(22).generator
    for count in 0...40 {
      for vectors in 1...2 {
        let lanes = vectors * kernels.width
        let scores = Self.scores(count * lanes, &generator)
        let thresholds = Self.scores(lanes, &generator)
        let guarded = scores.withUnsafeBytes { GuardedBuffer(copying: $0) }
        let bounds = thresholds.withUnsafeBytes { GuardedBuffer(copying: $0) }
        let out = GuardedBuffer(scores.count * 4)
        let positions = out.bytes.assumingMemoryBound(to: UInt32.self)
        let found = kernels.selectTile(
          guarded.bytes.assumingMemoryBound(to: Float.self), count: count, vectors: vectors,
          thresholds: bounds.bytes.assumingMemoryBound(to: Float.self), out: positions)
        let right = scores.indices.filter { scores[$0] >= thresholds[$0 % lanes] }
        #expect((0..<found).map { Int(positions[$0]) } == right)
      }
    }
  }

  @Test("scaling multiplies each row by its factor", arguments: KernelTier.allCases)
  func scaling(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(23).generator
    for lanes in [1, kernels.width, 2 * kernels.width] {
      for count in 0...33 {
        let scores = (0..<(count * lanes)).map { _ in Float(generator.gaussian()) }
        let factors = (0..<count).map { _ in Float(generator.gaussian()) }
        var scaled = scores
        kernels.scale(&scaled, by: factors, count: count, lanes: lanes)
        #expect(scaled == scores.indices.map { scores[$0] * factors[$0 / lanes] })
      }
    }
  }

  @Test("the tiers of this machine begin with scalar, and the best is one of them")
  func tiers() {
    #expect(KernelTier.available.first == .scalar)
    #expect(KernelTier.available.contains(Kernels().tier))
    for tier in KernelTier.allCases {
      #expect(KernelTier(name: tier.name) == tier)
      #expect((Kernels(tier: tier) != nil) == tier.isAvailable)
    }
    #expect(KernelTier(name: "sse9") == nil)
  }
}
