import Testing
import VecCore
import VecKernels
import VecTestSupport

/// Codes of rows and queries as any bytes may be, each buffer ending right before an unmapped page.
struct StoredCodes {
  let stride: Int
  let count: Int
  let rows: [UInt8]
  let buffer: GuardedBuffer
  let factorBuffer: GuardedBuffer
  let factors: [CodeFactors]

  init(stride: Int, count: Int, using generator: inout SplitMix64) {
    self.stride = stride
    self.count = count
    rows = (0..<(count * stride)).map { _ in [0, 1, 127, 128, 255, UInt8(truncatingIfNeeded: generator.next())][Int(generator.next() % 6)] }
    buffer = rows.withUnsafeBytes { GuardedBuffer(copying: $0) }
    factors = (0..<count).map { _ in
      CodeFactors(
        scale: Float(generator.uniform()), error: Float(generator.uniform()), length: Float(generator.uniform()),
        offset: -Float(generator.uniform()))
    }
    factorBuffer = factors.withUnsafeBytes { GuardedBuffer(copying: $0) }
  }

  var codes: UnsafePointer<UInt8> { UnsafePointer(buffer.bytes.assumingMemoryBound(to: UInt8.self)) }
  var factorBase: UnsafePointer<CodeFactors> {
    UnsafePointer(factorBuffer.bytes.assumingMemoryBound(to: CodeFactors.self))
  }

  static func query(_ stride: Int, using generator: inout SplitMix64) -> [Int8] {
    (0..<stride).map { _ in [-127, 127, 0, Int8(Int(generator.next() % 255) - 127)][Int(generator.next() % 4)] }
  }

  func product(_ query: [Int8], _ row: Int) -> Int32 {
    (0..<stride).reduce(0) { $0 + Int32(query[$1]) * (Int32(rows[row * stride + $1]) - 128) }
  }

  static func bias(_ query: [Int8]) -> Int32 { -128 * query.reduce(0) { $0 + Int32($1) } }
}

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

  @Test("every row of every lane is a hit with its bounds, and a threshold keeps the right ones", arguments: CodeTier.allCases)
  func hits(tier: CodeTier) throws {
    let kernels = try codeKernels(tier)
    var generator = Seed(203).generator
    for stride in [32, 64, 192, 1_024] {
      for (vectors, count) in [(1, 0), (1, 1), (1, 9), (2, 8), (2, 21), (1, 64), (2, 67)] {
        let stored = StoredCodes(stride: stride, count: count, using: &generator)
        let group = StoredGroup(stride: stride, vectors: vectors, width: kernels.width, using: &generator)
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
        #expect(Set(some.map(\.position)) == Set(all.filter { $0.upper >= least[Int($0.position) % group.lanes] }.map(\.position)))
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
      let group = StoredGroup(stride: stride, vectors: vectors, width: kernels.width, using: &generator)
      let out = GuardedBuffer(3 * group.lanes * 4)
      let found = out.bytes.assumingMemoryBound(to: Float.self)
      group.with(Array(repeating: 0, count: group.lanes)) {
        kernels.peaks($0, codes: stored.codes, factors: stored.factorBase, first: 0, count: count, stride: stride, out: found)
      }
      for tile in 0..<3 {
        for lane in 0..<group.lanes {
          let rows = (tile * kernels.tileRows)..<((tile + 1) * kernels.tileRows)
          let scores = rows.map { Double(stored.product(group.queries[lane], $0)) * Double(group.scale[lane] * 1) * Double(stored.factors[$0].scale) + Double(stored.factors[$0].offset) }
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

/// Queries packed side by side with random factors.
struct StoredGroup {
  let queries: [[Int8]]
  let vectors: Int
  let lanes: Int
  let scale: [Float]
  let errorWeight: [Float]
  let lengthWeight: [Float]
  private let packed: GuardedBuffer

  init(stride: Int, vectors: Int, width: Int, using generator: inout SplitMix64) {
    self.vectors = vectors
    lanes = vectors * width
    queries = (0..<lanes).map { _ in StoredCodes.query(stride, using: &generator) }
    scale = (0..<lanes).map { _ in Float(generator.uniform()) }
    errorWeight = (0..<lanes).map { _ in Float(generator.uniform()) }
    lengthWeight = (0..<lanes).map { _ in Float(generator.uniform()) }
    packed = GuardedBuffer(stride * lanes)
    for (lane, query) in queries.enumerated() {
      for (at, code) in query.enumerated() {
        packed.bytes.storeBytes(of: code, toByteOffset: at / 4 * 4 * lanes + 4 * lane + at % 4, as: Int8.self)
      }
    }
  }

  func with<T>(_ least: [Float], _ body: (CodeGroup) -> T) -> T {
    let bias = queries.map { StoredCodes.bias($0) }
    return withExtendedLifetime(self) {
      bias.withUnsafeBufferPointer { bias in
        least.withUnsafeBufferPointer { least in
          scale.withUnsafeBufferPointer { scale in
            errorWeight.withUnsafeBufferPointer { error in
              lengthWeight.withUnsafeBufferPointer { length in
                body(
                  CodeGroup(
                    packed: UnsafePointer(packed.bytes.assumingMemoryBound(to: Int8.self)), vectors: vectors,
                    bias: bias.baseAddress!, scale: scale.baseAddress!, errorWeight: error.baseAddress!,
                    lengthWeight: length.baseAddress!, least: least.baseAddress!))
              }
            }
          }
        }
      }
    }
  }

  /// - Parameter alone: lane 0 only, half of the rows from their products in order, half by number.
  func hits(_ kernels: CodeKernels, _ stored: StoredCodes, least: [Float], alone: Bool = false) -> [CodeHit] {
    let room = GuardedBuffer(stored.count * lanes * MemoryLayout<CodeHit>.stride)
    let out = room.bytes.assumingMemoryBound(to: CodeHit.self)
    return with(least) { group in
      guard alone else {
        let found = kernels.hits(
          group, codes: stored.codes, factors: stored.factorBase, first: 0, count: stored.count, stride: stored.stride,
          out: out)
        return Array(UnsafeBufferPointer(start: out, count: found))
      }
      let products = (0..<stored.count).map { stored.product(queries[0], $0) }
      let half = stored.count / 2
      var found = kernels.hits(group, dots: products, factors: stored.factorBase, first: 0, count: half, out: out)
      var list = Array(UnsafeBufferPointer(start: out, count: found))
      let rest = (half..<stored.count).reversed().map { UInt32($0) }
      found = rest.withUnsafeBufferPointer { rows in
        kernels.hits(group, dots: rest.map { products[Int($0)] }, factors: stored.factorBase, rows: rows, out: out)
      }
      list += UnsafeBufferPointer(start: out, count: found)
      return list
    }
  }

  /// The bounds in double, and 2^-24 of all that is added up.
  func bounds(_ stored: StoredCodes, _ row: Int, _ lane: Int) -> (upper: Double, lower: Double, unit: Double) {
    let factors = stored.factors[row]
    let value = Double(stored.product(queries[lane], row)) * Double(scale[lane]) * Double(factors.scale)
    let slack =
      Double(factors.error) * Double(errorWeight[lane]) + Double(factors.length) * Double(lengthWeight[lane])
    let offset = Double(factors.offset)
    return (
      value + slack + offset, value - slack + offset - 0x1p-19 * abs(offset),
      0x1p-24 * (abs(value) + slack + abs(offset)))
  }
}
