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
    rows = (0..<(count * stride)).map { _ in
      let some = UInt8(truncatingIfNeeded: generator.next())
      return [0, 1, 127, 128, 255, some][Int(generator.next() % 6)]
    }
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

  /// - Parameter most: the greatest magnitude, which is as frequent as any other together.
  static func query(_ stride: Int, most: Int = RowCode.most, using generator: inout SplitMix64) -> [Int8] {
    (0..<stride).map { _ in
      let some = Int(generator.next() % UInt64(2 * most + 1)) - most
      return Int8([-most, most, 0, some][Int(generator.next() % 4)])
    }
  }

  func product(_ query: [Int8], _ row: Int) -> Int32 {
    (0..<stride).reduce(0) { $0 + Int32(query[$1]) * (Int32(rows[row * stride + $1]) - 128) }
  }

  static func bias(_ query: [Int8]) -> Int32 { -128 * query.reduce(0) { $0 + Int32($1) } }
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

  init(stride: Int, vectors: Int, kernels: CodeKernels, using generator: inout SplitMix64) {
    self.vectors = vectors
    lanes = vectors * kernels.width
    queries = (0..<lanes).map { _ in StoredCodes.query(stride, most: kernels.tileQueryMax, using: &generator) }
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
