import Testing
import VecCore
import VecKernels
import VecTestSupport

/// The kernels of a code tier, or a cancelled case that says this machine lacks it.
func codeKernels(_ tier: CodeTier) throws -> CodeKernels {
  guard let kernels = CodeKernels(tier: tier) else {
    print("code tier \(tier): not on this machine, test case cancelled")
    try Test.cancel("this machine cannot run the \(tier) code kernels")
  }
  return kernels
}

@Suite("Kernels over byte codes")
struct CodeKernelTests {
  static let strides = [32, 64, 128, 192, 256, 448, 1_024, 4_096]

  @Test("products are the integers of the definition, for any bytes and counts", arguments: CodeTier.allCases)
  func products(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(201).generator
    for stride in Self.strides {
      for count in [0, 1, 2, 3, 4, 5, 7, 8, 13, 33] {
        let stored = StoredCodes(stride: stride, count: count, using: &generator)
        let query = StoredCodes.query(stride, using: &generator)
        let asked = query.withUnsafeBytes { GuardedBuffer(copying: $0) }
        let codes = UnsafePointer(asked.bytes.assumingMemoryBound(to: Int8.self))
        let right = (0..<count).map { stored.product(query, $0) }
        var found = [Int32](repeating: -1, count: count)
        kernels.dots(
          codes, bias: StoredCodes.bias(query), codes: stored.codes, count: count, stride: stride, out: &found)
        #expect(found == right, "\(tier) stride \(stride) count \(count)")
        let order = (0..<UInt32(count)).shuffled(using: &generator)
        order.withUnsafeBufferPointer {
          kernels.dots(
            codes, bias: StoredCodes.bias(query), codes: stored.codes, stride: stride, rows: $0, out: &found)
        }
        #expect(found == order.map { right[Int($0)] }, "\(tier) stride \(stride) gathered \(count)")
      }
    }
  }

  @Test("any alignment of rows and query gives the same products", arguments: CodeTier.allCases)
  func alignment(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(202).generator
    for stride in [32, 64, 192] {
      let stored = StoredCodes(stride: stride, count: 5, using: &generator)
      let query = StoredCodes.query(stride, using: &generator)
      for offset in 0..<64 {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 6 * stride + 128, alignment: 64)
        defer { memory.deallocate() }
        (memory + offset).copyMemory(from: stored.rows, byteCount: 5 * stride)
        let asked = memory + 5 * stride + 127 - offset
        asked.copyMemory(from: query, byteCount: stride)
        var found = [Int32](repeating: 0, count: 5)
        kernels.dots(
          asked.assumingMemoryBound(to: Int8.self), bias: StoredCodes.bias(query),
          codes: (memory + offset).assumingMemoryBound(to: UInt8.self), count: 5, stride: stride, out: &found)
        #expect(found == (0..<5).map { stored.product(query, $0) })
      }
    }
  }

  @Test(
    "every row of every lane is a hit with its bounds, and a threshold keeps the right ones",
    arguments: CodeTier.allCases)
  func hits(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(203).generator
    for stride in [32, 64, 192, 1_024] {
      for (vectors, count) in [(1, 0), (1, 1), (1, 9), (2, 8), (2, 21), (1, 64), (2, 67)] {
        let stored = StoredCodes(stride: stride, count: count, using: &generator)
        let group = StoredGroup(stride: stride, vectors: vectors, kernels: kernels, using: &generator)
        let all = group.hits(kernels, stored, least: Array(repeating: -.infinity, count: group.lanes))
        #expect(all.map(\.position).sorted() == (0..<UInt32(count * group.lanes)).map { $0 })
        for hit in all {
          let (row, lane) = (Int(hit.position) / group.lanes, Int(hit.position) % group.lanes)
          let (upper, lower, unit) = group.bounds(stored, row, lane)
          #expect(abs(Double(hit.upper) - upper) <= 8 * unit && abs(Double(hit.lower) - lower) <= 16 * unit)
        }
        let least = (0..<group.lanes).map { lane in
          all.filter { Int($0.position) % group.lanes == lane }.map(\.upper).sorted().dropFirst(count / 2).first ?? 0
        }
        let some = group.hits(kernels, stored, least: least)
        let right = all.filter { $0.upper >= least[Int($0.position) % group.lanes] }
        #expect(Set(some.map(\.position)) == Set(right.map(\.position)))
        // One query, from products, and by number.
        let one = group.hits(kernels, stored, least: least, alone: true)
        #expect(abs(one.count - all.count { $0.position % UInt32(group.lanes) == 0 && $0.upper >= least[0] }) <= 1)
        for hit in one {
          let (upper, lower, unit) = group.bounds(stored, Int(hit.position), 0)
          #expect(abs(Double(hit.upper) - upper) <= 8 * unit && abs(Double(hit.lower) - lower) <= 16 * unit)
        }
      }
    }
  }

  @Test("peaks are the best scores of each tile", arguments: CodeTier.allCases)
  func peaks(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(204).generator
    for (stride, vectors) in [(32, 1), (64, 2), (192, 2)] {
      let count = 3 * kernels.tileRows
      let stored = StoredCodes(stride: stride, count: count, using: &generator)
      let group = StoredGroup(stride: stride, vectors: vectors, kernels: kernels, using: &generator)
      let out = GuardedBuffer(3 * group.lanes * 4)
      let found = out.bytes.assumingMemoryBound(to: Float.self)
      group.with(Array(repeating: 0, count: group.lanes)) {
        kernels.peaks(
          $0, codes: stored.codes, factors: stored.factorBase, first: 0, count: count, stride: stride, out: found)
      }
      for tile in 0..<3 {
        for lane in 0..<group.lanes {
          let rows = (tile * kernels.tileRows)..<((tile + 1) * kernels.tileRows)
          let scores = rows.map { row in
            let factors = stored.factors[row]
            let product = Double(stored.product(group.queries[lane], row))
            return product * Double(group.scale[lane]) * Double(factors.scale) + Double(factors.offset)
          }
          let best = scores.max() ?? 0
          #expect(abs(Double(found[tile * group.lanes + lane]) - best) <= 0x1p-20 * (abs(best) + 1))
        }
      }
    }
  }

  @Test("the tiers of this machine begin with scalar, and a forced float tier forces the codes")
  func tiers() {
    #expect(CodeTier.available.first == .scalar)
    #expect(CodeTier.best(within: .scalar) == .scalar)
    for tier in KernelTier.available { #expect(CodeTier.available.contains(CodeTier.best(within: tier))) }
    #expect(CodeTier.best(within: .avx2) != .avx512VNNI)
  }
}
