import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Element types")
struct ElementCodingTests {
  static let allHalves = (0...UInt32(UInt16.max)).map { UInt16($0) }

  static func expected(_ half: UInt16, _ type: ElementType) -> Float {
    type == .f16 ? Float(Float16(bitPattern: half)) : Float(bitPattern: UInt32(half) << 16)
  }

  static func isSame(_ a: Float, _ b: Float) -> Bool { a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern }

  @Test("all 65,536 halves widen exactly, in every tier", arguments: KernelTier.allCases, [ElementType.f16, .bf16])
  func widenInTiers(tier: KernelTier, type: ElementType) throws {
    let kernels = try kernels(tier)
    for dropped in [0, 1, 13] {
      let halves = Array(Self.allHalves.dropFirst(dropped))
      let from = halves.withUnsafeBytes { GuardedBuffer(copying: $0) }
      let to = GuardedBuffer(halves.count * 4)
      let values = to.bytes.assumingMemoryBound(to: Float.self)
      kernels.widen(from.bytes, type: type, count: halves.count, to: values)
      #expect(halves.indices.allSatisfy { Self.isSame(values[$0], Self.expected(halves[$0], type)) })
    }
  }

  @Test("all finite halves survive widening and narrowing bit by bit", arguments: [ElementType.f16, .bf16])
  func roundTrip(type: ElementType) {
    let halves = Self.allHalves.filter { Self.expected($0, type).isFinite }
    var values = [Float](repeating: 0, count: halves.count)
    halves.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      ElementCoding.widen(base, type: type, count: halves.count, to: &values)
    }
    #expect(halves.indices.allSatisfy { Self.isSame(values[$0], Self.expected(halves[$0], type)) })
    var back = [UInt16](repeating: 0, count: halves.count)
    values.withUnsafeBufferPointer { values in
      back.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        ElementCoding.narrow(values, to: type, into: base)
      }
    }
    #expect(back == halves)
    let inspection = values.withUnsafeBufferPointer { RowInspection(rows: $0, dimension: 1) }
    #expect(type == .f16 ? inspection.fitsF16 : inspection.fitsBF16)
  }

  @Test("a value fits a type exactly when converting it there and back changes no bit", arguments: [Seed(31), Seed(32)])
  func fits(seed: Seed) {
    var generator = seed.generator
    for _ in 0..<200_000 {
      // Around the borders of f16: its least subnormal, least normal and greatest value.
      let exponent = UInt32(generator.next() % 46) + 127 - 27
      let mantissa = UInt32(truncatingIfNeeded: generator.next()) & (0x7F_FFFF << UInt32(generator.next() % 24))
      let sign = UInt32(generator.next() & 1) << 31
      let value = Float(bitPattern: sign | exponent << 23 | mantissa & 0x7F_FFFF)
      let inspection = withUnsafePointer(to: value) {
        RowInspection(rows: UnsafeBufferPointer(start: $0, count: 1), dimension: 1)
      }
      #expect(inspection.fitsF16 == (Float(Float16(value)).bitPattern == value.bitPattern), "\(value)")
      #expect(inspection.fitsBF16 == (value.bitPattern & 0xFFFF == 0), "\(value)")
    }
  }

  @Test("negative zero and subnormals keep their bits")
  func specials() {
    for value in [-0.0, 0, .leastNonzeroMagnitude, -0x1p-24, 0x1p-25, 65_504, 65_520, 1e38] as [Float] {
      let inspection = withUnsafePointer(to: value) {
        RowInspection(rows: UnsafeBufferPointer(start: $0, count: 1), dimension: 1)
      }
      #expect(inspection.fitsF16 == [-0.0, 0, -0x1p-24, 65_504].contains(value), "\(value)")
    }
  }
}
