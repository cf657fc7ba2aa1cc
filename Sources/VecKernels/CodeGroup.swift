import CVecKernels

/// A row of coded ones that may matter to a query, with proven bounds of its score in the units of `CodeBound`.
package struct CodeHit: BitwiseCopyable, Sendable, Equatable {
  /// Row within the block, times the lanes of the group, plus the lane.
  package var position: UInt32
  package var upper: Float
  package var lower: Float

  package init(position: UInt32, upper: Float, lower: Float) {
    self.position = position
    self.upper = upper
    self.lower = lower
  }
}

/// A few queries side by side for the kernels of byte codes; borrowed memory. Arrays have `vectors * width` entries. Codes
/// that go over tiles are at most `CodeKernels.tileQueryMax`.
package struct CodeGroup {
  /// `[stride / 4][lanes][4]` codes.
  package var packed: UnsafePointer<Int8>
  /// Registers of queries: 1 or 2.
  package var vectors: Int
  package var bias: UnsafePointer<Int32>
  package var scale: UnsafePointer<Float>
  package var errorWeight: UnsafePointer<Float>
  package var lengthWeight: UnsafePointer<Float>
  /// The upper bound a row needs to be a hit; +infinity for unused lanes.
  package var least: UnsafePointer<Float>

  package init(
    packed: UnsafePointer<Int8>, vectors: Int, bias: UnsafePointer<Int32>, scale: UnsafePointer<Float>,
    errorWeight: UnsafePointer<Float>, lengthWeight: UnsafePointer<Float>, least: UnsafePointer<Float>
  ) {
    self.packed = packed
    self.vectors = vectors
    self.bias = bias
    self.scale = scale
    self.errorWeight = errorWeight
    self.lengthWeight = lengthWeight
    self.least = least
  }

  var table: vk_code_group {
    vk_code_group(
      packed: packed, vectors: vectors, bias: bias, scale: scale, error_weight: errorWeight,
      length_weight: lengthWeight, least: least)
  }
}
