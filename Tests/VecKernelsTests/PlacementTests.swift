import Testing
import VecCore
import VecKernels
import VecTestSupport

/// Where its arguments lie changes no bit of what a kernel finds, and nothing behind them is read.
@Suite("Kernels at every alignment, right before an unmapped page")
struct PlacementTests {
  static let dimensions = [1, 7, 33, 100]

  private static func gaussian(_ count: Int, _ dimension: Int, _ type: ElementType = .f32, seed: UInt64) -> [Float] {
    var generator = Seed(seed).generator
    return VectorShape.gaussian.rows(count, dimension: dimension, type: type, using: &generator)
  }

  /// The rows as they are stored, as bytes.
  private static func stored(_ rows: [Float], _ type: ElementType) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: rows.count * type.byteCount)
    rows.withUnsafeBufferPointer { values in
      bytes.withUnsafeMutableBytes { if let to = $0.baseAddress { ElementCoding.narrow(values, to: type, into: to) } }
    }
    return bytes
  }

  @Test("tile scores", arguments: KernelTier.allCases, [Metric.ip, .l2])
  func tiles(tier: KernelTier, metric: Metric) throws {
    let kernels = try kernels(tier)
    for d in Self.dimensions {
      for vectors in 1...2 {
        let lanes = vectors * kernels.width
        let rows = Self.stored(Self.gaussian(5, d, seed: 51), .f32)
        let queries = Self.gaussian(lanes, d, seed: 52)
        var packed = [Float](repeating: 0, count: d * lanes)
        QueryGroup.pack(queries, count: lanes, dimension: d, lanes: lanes, into: &packed)
        var first: [Float] = []
        for slack in 0..<64 {
          let base = Placed(rows, slack: slack)
          let group = Placed(packed, slack: slack == 0 ? 0 : 64 - slack)
          let out = Placed<Float>(room: 5 * lanes, slack: slack * 5 % 64)
          kernels.scoreTile(
            metric, packed: group.pointer, vectors: vectors, rows: base.raw, count: 5, dimension: d, out: out.pointer)
          withExtendedLifetime((base, group)) {}
          if slack == 0 { first = out.values }
          #expect(out.values == first, "d=\(d) vectors \(vectors) slack \(slack)")
        }
      }
    }
  }

  @Test("canonical scores", arguments: KernelTier.allCases, Metric.allCases)
  func settled(tier: KernelTier, metric: Metric) throws {
    _ = try kernels(tier)
    for type in ElementType.allCases {
      for d in Self.dimensions {
        let rows = Self.stored(Self.gaussian(4, d, type, seed: 53), type)
        let query = Self.gaussian(1, d, seed: 54)
        var first: [Float] = []
        for slack in 0..<64 {
          let base = Placed(rows, slack: slack)
          let asked = Placed(query, slack: slack == 0 ? 0 : 64 - slack)
          let numbers = Placed<UInt32>([3, 0, 2], slack: 0)
          let out = Placed<Float>(room: 3, slack: slack * 5 % 64)
          CanonicalScore.settle(
            metric, query: asked.pointer, queryNorm: CanonicalScore.norm(asked.pointer, dimension: d), base: base.raw,
            type: type, dimension: d, rows: numbers.view, out: out.pointer, tier: tier)
          withExtendedLifetime((base, asked, numbers)) {}
          if slack == 0 { first = out.values }
          #expect(out.values == first && !first.contains(0), "\(type) d=\(d) slack \(slack)")
        }
      }
    }
  }

  @Test("inspection, norms and narrowing of rows", arguments: [ElementType.f16, .bf16])
  func inspected(type: ElementType) {
    for d in Self.dimensions {
      let rows = Self.gaussian(3, d, type, seed: 55)
      let right = rows.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: d) }
      let narrow = Self.stored(rows, type)
      for slack in 0..<64 {
        let placed = Placed(rows, slack: slack)
        #expect(RowInspection(rows: placed.view, dimension: d) == right, "d=\(d) slack \(slack)")
        let last = Placed(Array(rows.suffix(d)), slack: slack)
        #expect(CanonicalScore.norm(last.pointer, dimension: d) == right.norms[2])
        let out = Placed<UInt8>(room: narrow.count, slack: slack * 5 % 64)
        ElementCoding.narrow(placed.view, to: type, into: out.raw)
        withExtendedLifetime((placed, last)) {}
        #expect(out.values == narrow, "d=\(d) slack \(slack)")
        let back = Placed<Float>(room: rows.count, slack: slack)
        ElementCoding.widen(out.raw, type: type, count: rows.count, to: back.pointer)
        #expect(back.values == rows, "d=\(d) slack \(slack)")
      }
    }
  }

  @Test("widening and scaling", arguments: KernelTier.allCases)
  func scaled(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    for lanes in [1, kernels.width, 2 * kernels.width] {
      for count in [1, 3, 17] {
        let scores = Self.gaussian(count, lanes, seed: 56)
        let factors = Self.gaussian(count, 1, seed: 57)
        for slack in 0..<64 {
          let placed = Placed(scores, slack: slack)
          let by = Placed(factors, slack: slack == 0 ? 0 : 64 - slack)
          kernels.scale(placed.pointer, by: by.pointer, count: count, lanes: lanes)
          withExtendedLifetime(by) {}
          #expect(placed.values == scores.indices.map { scores[$0] * factors[$0 / lanes] })
        }
      }
    }
    for type in [ElementType.f16, .bf16] {
      for count in [1, 7, 8, 17, 33] {
        let values = Self.gaussian(1, count, type, seed: 58)
        for slack in 0..<64 {
          let from = Placed(Self.stored(values, type), slack: slack)
          let to = Placed<Float>(room: count, slack: slack * 5 % 64)
          kernels.widen(from.raw, type: type, count: count, to: to.pointer)
          withExtendedLifetime(from) {}
          #expect(to.values == values, "\(type) count \(count) slack \(slack)")
        }
      }
    }
  }

  @Test("codes and sketches of rows", arguments: Metric.allCases)
  func encoded(metric: Metric) {
    for d in Self.dimensions {
      let row = Self.gaussian(1, d, seed: 59)
      let stride = RowCode.stride(dimension: d)
      var codes = [UInt8](repeating: 0, count: stride)
      let factors = RowCode.encode(row, dimension: d, metric: metric, codes: &codes)
      var halves = [UInt8](repeating: 0, count: RowSketch.blockBytes(dimension: d))
      let sketch = RowSketch.encode(row, dimension: d, metric: metric, place: 15, block: &halves)
      for slack in 0..<64 {
        let placed = Placed(row, slack: slack)
        let coded = Placed<UInt8>(room: stride, slack: slack * 5 % 64)
        #expect(RowCode.encode(placed.pointer, dimension: d, metric: metric, codes: coded.pointer) == factors)
        let block = Placed<UInt8>(room: halves.count, slack: slack * 5 % 64)
        #expect(
          RowSketch.encode(placed.pointer, dimension: d, metric: metric, place: 15, block: block.pointer) == sketch)
        #expect(coded.values == codes && block.values == halves, "d=\(d) slack \(slack)")
        let query = QueryCode(placed.pointer, dimension: d, metric: metric)
        #expect(query.codes.prefix(d).elementsEqual(codes.prefix(d).map { Int8(Int($0) - 128) }))
        withExtendedLifetime(placed) {}
      }
    }
  }
}
