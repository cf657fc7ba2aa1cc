import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Codes of rows")
struct RowCodeTests {
  static let dimensions = [1, 2, 7, 31, 32, 33, 64, 100, 128, 257, 1_025, 4_096]

  @Test(
    "errors and lengths are not below the true ones and not far above", arguments: VectorShape.allCases,
    [Metric.ip, .cosine, .l2])
  func factors(shape: VectorShape, metric: Metric) {
    var generator = Seed(221).generator
    for d in Self.dimensions {
      for var row in (0..<6).map({ _ in shape.rows(1, dimension: d, type: .f32, using: &generator) }) {
        if metric == .cosine, Oracle.dot(row[...], row[...]) < 1e-50 { row[0] = 1 }
        let norm = Oracle.dot(row[...], row[...]).squareRoot()
        let divisor = metric == .cosine ? norm : 1
        var bytes = [UInt8](repeating: 7, count: RowCode.stride(dimension: d))
        let coded = RowCode.encode(row, dimension: d, metric: metric, codes: &bytes)
        check(row, divisor, coded.scale, coded.error, coded.length, steps: 254) { Double(bytes[$0]) - 128 }
        #expect(bytes.dropFirst(d).allSatisfy { $0 == 128 })
        let half = -norm * norm / 2
        #expect(
          metric == .l2
            ? Double(coded.offset) >= half && Double(coded.offset) <= half * (1 - 0x1p-19) + 0x1p-148
            : coded.offset == 0)

        var block = [UInt8](repeating: 0, count: RowSketch.blockBytes(dimension: d))
        let made = RowSketch.encode(row, dimension: d, metric: metric, place: 5, block: &block)
        check(row, divisor, made.scale, made.error, made.length, steps: 15) { at in
          2 * Double(block[at / 8 * 64 + 5 * 4 + at % 4] >> (at % 8 < 4 ? 0 : 4) & 15) - 15
        }
        #expect(block.indices.allSatisfy { $0 % 64 / 4 == 5 || block[$0] == 0 })
      }
    }
  }

  /// - Parameter steps: into which the greatest component cuts its range at most.
  private func check(
    _ row: [Float], _ divisor: Double, _ scale: Float, _ error: Float, _ length: Float, steps: Double,
    _ code: (Int) -> Double
  ) {
    var square = 0.0
    var rest = 0.0
    var peak = 0.0
    for (at, value) in row.enumerated() {
      let x = Double(value) / divisor
      let near = Double(scale) * code(at)
      square += near * near
      rest += (x - near) * (x - near)
      peak = max(peak, abs(x))
    }
    #expect(Double(length) >= square.squareRoot() && Double(error) >= rest.squareRoot())
    #expect(Double(length) <= square.squareRoot() * (1 + 0x1p-22) + 0x1p-140)
    #expect(Double(error) <= rest.squareRoot() * (1 + 0x1p-22) + 0x1p-140)
    let step = peak / steps * Double(row.count).squareRoot() * 1.001
    #expect(rest.squareRoot() <= (peak < 0x1p-99 ? 0x1p-90 : step))
  }

  @Test("the same row has the same bytes wherever it is coded: fixed examples")
  func golden() {
    let row: [Float] = [1, -0.5, 0.25, 127, -127, 63.5, 0.49, 0.51, Float(bitPattern: 200_000)]
    var bytes = [UInt8](repeating: 0, count: 32)
    let coded = RowCode.encode(row, dimension: 9, metric: .ip, codes: &bytes)
    #expect(coded.scale == 1 && Array(bytes.prefix(10)) == [129, 128, 128, 255, 1, 192, 128, 129, 128, 128])
    var block = [UInt8](repeating: 0, count: RowSketch.blockBytes(dimension: 9))
    let made = RowSketch.encode(row, dimension: 9, metric: .ip, place: 0, block: &block)
    #expect(made.scale == Float(127.0 * 8 / (8 * 15)))
    #expect(Array(block[0..<4]) == [0x08, 0xB7, 0x88, 0x8F] && block[64] == 0x08)
    let zero = RowCode.encode([0, -0.0, Float(bitPattern: 70_000)], dimension: 3, metric: .ip, codes: &bytes)
    #expect(zero.scale == 0 && zero.length == 0 && zero.error > 0 && bytes.allSatisfy { $0 == 128 })
  }

  @Test("a query's codes, error and biases fit together", arguments: Metric.allCases)
  func queries(metric: Metric) {
    var generator = Seed(222).generator
    for d in Self.dimensions {
      let query = VectorShape.gaussian.rows(1, dimension: d, type: .f32, using: &generator)
      let code = QueryCode(query, dimension: d, metric: metric)
      let divisor = metric == .cosine ? Oracle.dot(query[...], query[...]).squareRoot() : 1
      let rest = query.indices.reduce(0.0) {
        let off = Double(query[$1]) / divisor - Double(code.scale) * Double(code.codes[$1])
        return $0 + off * off
      }
      #expect(code.codes.count == RowCode.stride(dimension: d) && code.codes.dropFirst(d).allSatisfy { $0 == 0 })
      #expect(Double(code.error) >= rest.squareRoot() && Double(code.error) <= rest.squareRoot() * 1.001 + 1e-30)
      let sum = code.codes.reduce(0) { $0 + Int32($1) }
      #expect(code.bias == -128 * sum && code.sketchBias == -15 * sum && code.codes.allSatisfy { $0 > -128 })
    }
  }
}
