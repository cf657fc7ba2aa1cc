import CVecKernels
package import VecCore

/// Rows as one byte per dimension: row x is near x^ = scale * (byte - 128), where scale = max|x_i| / 127.
///
/// Under cosine it is x / |x| that is coded. Coding is plain double arithmetic in a fixed order, so the same rows give
/// the same bytes on every CPU. Rows with no component of 2^-100 or more are coded as zero.
package enum RowCode {
  /// Bytes from one row to the next: 32 up to dimension 32, else the next multiple of 64 (whole cache lines). Byte 128,
  /// which stands for zero, fills the rest.
  package static func stride(dimension: Int) -> Int { dimension <= 32 ? 32 : (dimension + 63) / 64 * 64 }

  /// The greatest code.
  package static let most = 127

  /// Codes one row.
  /// - Parameters:
  ///   - row: `dimension` finite values of norm at most `Limits.normMax`.
  ///   - codes: room for `stride(dimension:)` bytes.
  package static func encode(
    _ row: UnsafePointer<Float>, dimension: Int, metric: Metric, codes: UnsafeMutablePointer<UInt8>
  ) -> CodeFactors {
    let divisor = metric == .cosine ? max(vk_norm(row, dimension), .leastNonzeroMagnitude) : 1
    let coded = vk_encode(row, dimension, divisor, Int32(Self.most), stride(dimension: dimension), codes)
    // The rounding of the offset to float32 is a sixteenth of what it is raised by.
    let offset = metric == .l2 ? -Float(coded.half_square * (1 - 0x1p-20)) : 0
    return CodeFactors(scale: coded.scale, error: coded.error, length: coded.length, offset: offset)
  }
}

/// What is kept per row beside its codes: 16 bytes, so that a row that was fetched by number costs one line more.
package struct CodeFactors: BitwiseCopyable, Sendable, Equatable {
  /// Of the codes; 0 for a row that is coded as zero.
  package var scale: Float
  /// Not below |x - x^|.
  package var error: Float
  /// Not below |x^|.
  package var length: Float
  /// Under l2 a little above -|x|^2 / 2 (by 2^-20 of it), else 0.
  package var offset: Float

  package init(scale: Float, error: Float, length: Float, offset: Float) {
    self.scale = scale
    self.error = error
    self.length = length
    self.offset = offset
  }
}

/// A query as signed bytes with one scale, made once and used against any number of coded rows.
package struct QueryCode: Sendable {
  /// As many as a row's stride, between `-most` and `most`, zero where rows are padded.
  package let codes: [Int8]
  package let scale: Float
  /// Not below |q - q^|, where q is the query (under cosine divided by its norm) and q^ = scale * codes.
  package let error: Float
  /// -128 times the sum of the codes, which kernels that read bytes as unsigned start from.
  package let bias: Int32
  /// -15 times the sum: the same for sketched rows.
  package let sketchBias: Int32

  /// - Parameters:
  ///   - query: `dimension` values that passed the query check.
  ///   - most: the greatest code, up to `RowCode.most`; see `CodeKernels.tileQueryMax`.
  package init(_ query: UnsafePointer<Float>, dimension: Int, metric: Metric, most: Int = RowCode.most) {
    let divisor = metric == .cosine ? max(vk_norm(query, dimension), .leastNonzeroMagnitude) : 1
    let stride = RowCode.stride(dimension: dimension)
    var bytes = [UInt8](repeating: 128, count: stride)
    let coded = vk_encode(query, dimension, divisor, Int32(most), stride, &bytes)
    codes = bytes.map { Int8(truncatingIfNeeded: Int($0) - 128) }
    scale = coded.scale
    error = coded.error
    bias = -128 * coded.sum
    sketchBias = -15 * coded.sum
  }
}
