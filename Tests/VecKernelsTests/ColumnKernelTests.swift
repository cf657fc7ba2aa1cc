import Testing
import VecCore
import VecKernels
import VecTestSupport

@Suite("Numbers of a column in a range")
struct ColumnKernelTests {
  @Test("exactly the numbers in the range have a bit, in every width", arguments: KernelTier.allCases)
  func whole(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(41).generator
    for count in [0, 1, 3, 31, 63, 64, 65, 127, 128, 129, 300] {
      try check(UInt8.self, count, kernels, &generator)
      try check(UInt16.self, count, kernels, &generator)
      try check(UInt32.self, count, kernels, &generator)
      try check(UInt64.self, count, kernels, &generator)
    }
  }

  private func check<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ type: Number.Type, _ count: Int, _ kernels: Kernels, _ generator: inout SplitMix64
  ) throws {
    // Many meet the ends of ranges; the sign bit is where a signed comparison would go wrong.
    let special: [Number] = [0, 1, .max, .max - 1, .max / 2, .max / 2 + 1]
    func number(_ generator: inout SplitMix64) -> Number {
      generator.next() % 3 == 0
        ? special[Int(generator.next() % UInt64(special.count))] : Number(truncatingIfNeeded: generator.next())
    }
    let numbers = (0..<count).map { _ in number(&generator) }
    let guarded = numbers.withUnsafeBytes { GuardedBuffer(copying: $0) }
    for _ in 0..<40 {
      let ends = [number(&generator), numbers.randomElement(using: &generator) ?? number(&generator)].sorted()
      let range = ends[0]...ends[1]
      let right = numbers.map { range.contains($0) }
      expect(right, count, "\(Number.self), \(range)") { out, isAdding in
        kernels.match(
          guarded.bytes, width: MemoryLayout<Number>.size, count: count, in: UInt64(ends[0])...UInt64(ends[1]),
          isAdding: isAdding, out: out)
      }
    }
  }

  @Test("of doubles too; NaN is in no range", arguments: KernelTier.allCases)
  func doubles(tier: KernelTier) throws {
    let kernels = try kernels(tier)
    var generator = Seed(42).generator
    let special: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 1, -1]
    for count in [0, 1, 5, 63, 64, 65, 129, 200] {
      let numbers = (0..<count).map { _ in
        generator.next() % 3 == 0 ? special[Int(generator.next() % UInt64(special.count))] : generator.gaussian()
      }
      let guarded = numbers.withUnsafeBytes { GuardedBuffer(copying: $0) }
      for (least, greatest) in [(-Double.infinity, Double.infinity), (0, 0), (-1, 1), (0.5, .infinity), (1, -1)] {
        let right = numbers.map { $0 >= least && $0 <= greatest }
        expect(right, count, "\(least)...\(greatest)") { out, isAdding in
          kernels.match(
            guarded.bytes.assumingMemoryBound(to: Double.self), count: count, least: least, greatest: greatest,
            isAdding: isAdding, out: out)
        }
      }
    }
  }

  /// Nothing past the last word is written, bits past the last number are 0, and adding keeps what was there.
  private func expect(
    _ right: [Bool], _ count: Int, _ what: String, _ match: (UnsafeMutablePointer<UInt64>, Bool) -> Void
  ) {
    let words = (count + 63) / 64
    let out = GuardedBuffer(words * 8)
    let bits = out.bytes.assumingMemoryBound(to: UInt64.self)
    for before in [0, 0x5555_5555_5555_5555] as [UInt64] {
      for isAdding in [false, true] {
        for word in 0..<words { bits[word] = before }
        match(bits, isAdding)
        for word in 0..<words {
          var wanted: UInt64 = isAdding ? before : 0
          for bit in 0..<64 where word * 64 + bit < count && right[word * 64 + bit] { wanted |= 1 << UInt64(bit) }
          #expect(bits[word] == wanted, "\(what), word \(word) of \(count) numbers")
        }
      }
    }
  }
}
