package import VecCore
import VecKernels

/// The bytes of the two code planes of a segment; docs/codes.md says the same in words.
///
///     codes      rowCount x stride code bytes, then rowCount x { scale, error, length, offset } f32, then the heads:
///                rowCount x { scale } f32, under l2 { scale, offset }
///     sketches   blocks of 16 rows, then f32 arrays: scale and error per row, offset per row (l2 only), length per
/// block
///
/// Per-row arrays of sketches are padded to whole blocks, the length array to 64 bytes, all with zeros.
package struct CodeLayout: Sendable, Equatable {
  package let rowCount: Int
  package let dimension: Int
  package let metric: Metric

  package init(rowCount: Int, dimension: Int, metric: Metric) {
    self.rowCount = rowCount
    self.dimension = dimension
    self.metric = metric
  }

  var stride: Int { RowCode.stride(dimension: dimension) }
  var factorsOffset: Int { rowCount * stride }
  var headsOffset: Int { factorsOffset + rowCount * MemoryLayout<CodeFactors>.stride }
  /// Floats per row that a walk reads: the scale, and under l2 the offset.
  var headCount: Int { metric == .l2 ? 2 : 1 }
  package var codeByteCount: Int { headsOffset + rowCount * headCount * 4 }

  var blockCount: Int { (rowCount + RowSketch.blockRows - 1) / RowSketch.blockRows }
  var blockBytes: Int { RowSketch.blockBytes(dimension: dimension) }
  /// Bytes of an array with one float32 per row: a whole number of cache lines.
  private var rowArrayBytes: Int { blockCount * RowSketch.blockRows * 4 }
  var scaleOffset: Int { blockCount * blockBytes }
  var errorOffset: Int { scaleOffset + rowArrayBytes }
  var offsetOffset: Int { errorOffset + rowArrayBytes }
  var lengthOffset: Int { offsetOffset + (metric == .l2 ? rowArrayBytes : 0) }
  package var sketchByteCount: Int { lengthOffset + (blockCount * 4 + 63) / 64 * 64 }

  /// The codes within bytes of `codeByteCount`; 16-byte aligned.
  func codes(_ bytes: UnsafeRawPointer) -> (UnsafePointer<UInt8>, UnsafePointer<CodeFactors>) {
    (bytes.assumingMemoryBound(to: UInt8.self), (bytes + factorsOffset).assumingMemoryBound(to: CodeFactors.self))
  }

  /// The heads within the same bytes.
  func heads(_ bytes: UnsafeRawPointer) -> UnsafePointer<Float> { floats(bytes, headsOffset) }

  /// The sketches within bytes of `sketchByteCount`; 4-byte aligned.
  func sketches(_ bytes: UnsafeRawPointer) -> SketchRows {
    SketchRows(
      blocks: bytes.assumingMemoryBound(to: UInt8.self), dimension: dimension, scale: floats(bytes, scaleOffset),
      error: floats(bytes, errorOffset), length: floats(bytes, lengthOffset),
      offset: metric == .l2 ? floats(bytes, offsetOffset) : nil)
  }

  private func floats(_ bytes: UnsafeRawPointer, _ offset: Int) -> UnsafePointer<Float> {
    (bytes + offset).assumingMemoryBound(to: Float.self)
  }
}
