import Testing
import VecCore
import VecKernels
import VecTestSupport

/// The kernels of a tier, or a cancelled case that says this machine lacks it: a missing tier is never a silent pass.
func kernels(_ tier: KernelTier) throws -> Kernels {
  guard let kernels = Kernels(tier: tier) else {
    print("kernel tier \(tier.name): not on this machine, test case cancelled")
    try Test.cancel("this machine cannot run the \(tier.name) kernels")
  }
  return kernels
}

/// Rows in their stored form right before an unmapped page, and the same values as float32.
struct StoredRows {
  let buffer: GuardedBuffer
  let values: [Float]

  init(_ values: [Float], _ type: ElementType) {
    self.values = values
    buffer = GuardedBuffer(values.count * type.byteCount)
    values.withUnsafeBufferPointer { ElementCoding.narrow($0, to: type, into: buffer.bytes) }
  }
}

@Suite("Kernel scores")
struct KernelScoreTests {
  static let dimensions = Array(1...130) + [192, 255, 256, 257, 1_000, 1_025, 4_096]

  /// Reference and error bound in double: d + 2 roundings of the sum of magnitudes.
  static func reference(_ metric: Metric, _ q: ArraySlice<Float>, _ x: ArraySlice<Float>) -> (Double, Double) {
    var sum = 0.0
    var magnitude = 0.0
    for (q, x) in zip(q, x) {
      let difference = Double(q) - Double(x)
      let term = metric == .l2 ? -difference * difference : Double(q) * Double(x)
      sum += term
      magnitude += abs(term)
    }
    let d = Double(q.count)
    return (sum, (d + 3) * 0x1.01p-24 * magnitude + d * 0x1p-149)
  }

  @Test(
    "row scores are within their bound, and an unmapped page after the buffers is never read",
    arguments: KernelTier.allCases, [Metric.ip, .l2])
  func rows(tier: KernelTier, metric: Metric) throws {
    let kernels = try kernels(tier)
    var generator = Seed(11).generator
    for type in ElementType.allCases {
      for d in Self.dimensions {
        let count = d % 6  // includes no row at all
        let stored = StoredRows(VectorShape.gaussian.rows(count, dimension: d, type: type, using: &generator), type)
        let query = StoredRows(VectorShape.gaussian.rows(1, dimension: d, type: .f32, using: &generator), .f32)
        let out = GuardedBuffer(count * 4)
        let scores = out.bytes.assumingMemoryBound(to: Float.self)
        kernels.score(
          metric, query: query.buffer.bytes.assumingMemoryBound(to: Float.self), rows: stored.buffer.bytes, type: type,
          count: count, dimension: d, out: scores)
        for row in 0..<count {
          let (exact, bound) = Self.reference(metric, query.values[...], stored.values[(row * d)..<(row * d + d)])
          #expect(abs(Double(scores[row]) - exact) <= bound, "\(tier) \(type) d=\(d) row \(row)")
        }
      }
    }
  }

  @Test("tile scores are within their bound, lane by lane", arguments: KernelTier.allCases, [Metric.ip, .l2])
  func tiles(tier: KernelTier, metric: Metric) throws {
    let kernels = try kernels(tier)
    var generator = Seed(12).generator
    for d in Self.dimensions {
      for vectors in 1...2 {
        let lanes = vectors * kernels.width
        let count = d % 19
        let rows = StoredRows(VectorShape.gaussian.rows(count, dimension: d, type: .f32, using: &generator), .f32)
        let queries = VectorShape.gaussian.rows(lanes, dimension: d, type: .f32, using: &generator)
        let packed = GuardedBuffer(d * lanes * 4)
        let group = packed.bytes.assumingMemoryBound(to: Float.self)
        QueryGroup.pack(queries, count: lanes, dimension: d, lanes: lanes, into: group)
        let out = GuardedBuffer(count * lanes * 4)
        let scores = out.bytes.assumingMemoryBound(to: Float.self)
        kernels.scoreTile(
          metric, packed: group, vectors: vectors, rows: rows.buffer.bytes, count: count, dimension: d, out: scores)
        for row in 0..<count {
          for lane in 0..<lanes {
            let (exact, bound) = Self.reference(
              metric, queries[(lane * d)..<(lane * d + d)], rows.values[(row * d)..<(row * d + d)])
            #expect(abs(Double(scores[row * lanes + lane]) - exact) <= bound, "\(tier) d=\(d) row \(row) lane \(lane)")
          }
        }
      }
    }
  }

  @Test("any alignment of rows and query gives the same score", arguments: KernelTier.allCases)
  func alignment(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(13).generator
    for type in ElementType.allCases {
      for d in [1, 7, 33, 100] {
        let values = VectorShape.gaussian.rows(3, dimension: d, type: type, using: &generator)
        let query = VectorShape.gaussian.rows(1, dimension: d, type: .f32, using: &generator)
        var reference: [Float] = []
        for offset in 0..<64 {
          let rowBuffer = UnsafeMutableRawPointer.allocate(byteCount: values.count * 4 + 64, alignment: 64)
          let queryBuffer = UnsafeMutableRawPointer.allocate(byteCount: d * 4 + 64, alignment: 64)
          defer { rowBuffer.deallocate() }
          defer { queryBuffer.deallocate() }
          values.withUnsafeBufferPointer { ElementCoding.narrow($0, to: type, into: rowBuffer + offset) }
          query.withUnsafeBufferPointer { ElementCoding.narrow($0, to: .f32, into: queryBuffer + (63 - offset)) }
          let unaligned = (queryBuffer + (63 - offset)).assumingMemoryBound(to: Float.self)
          for metric in [Metric.ip, .l2] {
            var scores = [Float](repeating: .nan, count: 3)
            kernels.score(
              metric, query: unaligned, rows: rowBuffer + offset, type: type, count: 3, dimension: d, out: &scores)
            if offset == 0 { reference += scores }
            #expect(scores == Array(metric == .ip ? reference.prefix(3) : reference.suffix(3)))
          }
        }
      }
    }
  }
}
