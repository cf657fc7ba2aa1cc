import VecKernels

/// Up to two registers of vectors, picked from a batch, packed side by side for the tile kernels.
final class LaneGroup {
  /// Vectors that fit.
  let lanes: Int
  private let kernels: CodeKernels
  private let stride: Int
  private let packed: Scratch<Int8>
  private let bias: Scratch<Int32>
  /// Scale, error weight, length weight and least, `lanes` each.
  private let factors: Scratch<Float>
  private var width = 0

  init(kernels: CodeKernels, stride: Int) {
    self.kernels = kernels
    self.stride = stride
    lanes = 2 * kernels.width
    packed = Scratch(lanes * stride)
    bias = Scratch(lanes)
    factors = Scratch(4 * lanes)
    packed.base.initialize(repeating: 0, count: lanes * stride)
    bias.base.initialize(repeating: 0, count: lanes)
    factors.base.initialize(repeating: 0, count: 4 * lanes)
  }

  /// Packs the codes of `vectors`, `lanes` at most.
  func pack(_ vectors: UnsafeBufferPointer<UInt32>, _ codes: CodeColumns, thresholds: UnsafePointer<Float>) {
    width = (vectors.count > kernels.width ? 2 : 1) * kernels.width
    for lane in 0..<width {
      let isUsed = lane < vectors.count
      factors.base[3 * lanes + lane] = .infinity
      guard isUsed else { continue }
      let vector = Int(vectors[lane])
      let from = UnsafeRawPointer(codes.codes.base + vector * stride)
      let to = UnsafeMutableRawPointer(packed.base) + 4 * lane
      for at in Swift.stride(from: 0, to: stride, by: 4) {
        to.storeBytes(of: from.load(fromByteOffset: at, as: UInt32.self), toByteOffset: at * width, as: UInt32.self)
      }
      bias.base[lane] = codes.bias.base[vector]
      factors.base[lane] = codes.scale.base[vector]
      factors.base[lanes + lane] = codes.errorWeight.base[vector]
      factors.base[2 * lanes + lane] = codes.lengthWeight.base[vector]
      factors.base[3 * lanes + lane] = thresholds[vector]
    }
  }

  /// The lane of a hit's position, and its row within the block.
  @inline(__always)
  func place(_ position: UInt32) -> (lane: Int, row: Int) {
    (Int(position) & (width - 1), Int(position) >> width.trailingZeroBitCount)
  }

  var group: CodeGroup {
    CodeGroup(
      packed: packed.base, vectors: width / kernels.width, bias: bias.base, scale: factors.base,
      errorWeight: factors.base + lanes, lengthWeight: factors.base + 2 * lanes, least: factors.base + 3 * lanes)
  }
}
