import CVecKernels
package import VecCore

/// Rows as half a byte per dimension, in blocks of 16 rows that lie side by side: row x is near x^ = scale * (2 h - 15)
/// with h from 0 to 15. Sketches are for scanning many rows with one query; the layout is in docs/codes.md.
///
/// Under cosine it is x / |x| that is sketched. Plain double arithmetic in a fixed order: the same bytes on every CPU.
package enum RowSketch {
  /// Rows of a block.
  package static let blockRows = Int(VK_SKETCH_ROWS)

  /// Bytes of a block.
  package static func blockBytes(dimension: Int) -> Int { groups(dimension: dimension) * 4 * blockRows }

  static func groups(dimension: Int) -> Int { (dimension + 7) / 8 }

  /// What is kept per row: see `CodeFactors`.
  package struct Factors: Sendable, Equatable {
    package var scale: Float
    package var error: Float
    package var length: Float
  }

  /// Sketches one row into a place of a block that is still zero there.
  /// - Parameter row: `dimension` finite values of norm at most `Limits.normMax`.
  package static func encode(
    _ row: UnsafePointer<Float>, dimension: Int, metric: Metric, place: Int, block: UnsafeMutablePointer<UInt8>
  ) -> Factors {
    let divisor = metric == .cosine ? max(vk_norm(row, dimension), .leastNonzeroMagnitude) : 1
    let made = vk_sketch_encode(row, dimension, divisor, place, block)
    return Factors(scale: made.scale, error: made.error, length: made.length)
  }
}

/// Where the sketches of some rows lie. Borrowed memory; every array is padded to whole blocks.
package struct SketchRows {
  package let blocks: UnsafePointer<UInt8>
  package let dimension: Int
  package let scale: UnsafePointer<Float>
  package let error: UnsafePointer<Float>
  /// One per block: the greatest of its rows.
  package let length: UnsafePointer<Float>
  /// As in `CodeFactors`; nil for zeros.
  package let offset: UnsafePointer<Float>?

  package init(
    blocks: UnsafePointer<UInt8>, dimension: Int, scale: UnsafePointer<Float>, error: UnsafePointer<Float>,
    length: UnsafePointer<Float>, offset: UnsafePointer<Float>?
  ) {
    self.blocks = blocks
    self.dimension = dimension
    self.scale = scale
    self.error = error
    self.length = length
    self.offset = offset
  }

  var table: vk_sketch {
    vk_sketch(
      blocks: blocks, groups: RowSketch.groups(dimension: dimension), scale: scale, error: error, offset: offset,
      length: length)
  }
}

/// A query for sketched rows; borrowed memory. The codes are those of `QueryCode`.
package struct SketchQuery {
  package let codes: UnsafePointer<Int8>
  /// -15 times the sum of the codes.
  package let bias: Int32
  package let scale: Float
  package let errorWeight: Float
  package let lengthWeight: Float
  /// The upper bound a row needs to be a hit.
  package var least: Float

  /// - Parameter codes: outlive the value.
  package init(
    codes: UnsafePointer<Int8>, bias: Int32, scale: Float, errorWeight: Float, lengthWeight: Float,
    least: Float = -.infinity
  ) {
    self.codes = codes
    self.bias = bias
    self.scale = scale
    self.errorWeight = errorWeight
    self.lengthWeight = lengthWeight
    self.least = least
  }

  var table: vk_sketch_query {
    vk_sketch_query(
      codes: codes, bias: bias, scale: scale, error_weight: errorWeight, length_weight: lengthWeight, least: least)
  }
}
