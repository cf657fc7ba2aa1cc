import VecCore
package import VecKernels

/// The codes of one segment's rows as an index sees them: borrowed memory, valid during the call it is handed to.
package struct CodePlane {
  package let layout: CodeLayout
  /// One byte per dimension, `RowCode.stride(dimension:)` bytes a row.
  package let codes: UnsafePointer<UInt8>
  package let factors: UnsafePointer<CodeFactors>
  /// What a walk needs of the factors, close together: the scale of each row, under l2 followed by its offset.
  let heads: UnsafePointer<Float>
  /// Half a byte per dimension, for single queries over many rows.
  package let sketches: SketchRows?

  package var rowCount: Int { layout.rowCount }

  init(_ layout: CodeLayout, codes: UnsafeRawPointer, sketches: UnsafeRawPointer?) {
    self.layout = layout
    (self.codes, factors) = layout.codes(codes)
    heads = layout.heads(codes)
    self.sketches = sketches.map { layout.sketches($0) }
  }
}
