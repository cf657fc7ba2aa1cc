package import VecCore
package import VecKernels

/// The byte codes of one segment's rows as an index sees them: borrowed memory, valid during the call it is handed to.
package struct CodePlane {
  /// `rowCount * RowCode.stride(dimension:)` bytes; 64-byte aligned ones are fastest.
  package let codes: UnsafePointer<UInt8>
  /// Coded under the metric of the search; an offset is there under l2 exactly.
  package let factors: CodeFactors

  package init(codes: UnsafePointer<UInt8>, factors: CodeFactors) {
    self.codes = codes
    self.factors = factors
  }
}

/// Codes of some rows in memory of their own. The same rows give the same bytes on every CPU.
package final class CodedRows {
  package let rowCount: Int
  package let stride: Int
  private let metric: Metric
  private let bytes: UnsafeMutableRawPointer
  private let scale: Scratch<Float>
  private let error: Scratch<Float>
  private let length: Scratch<Float>
  private let offset: Scratch<Float>

  /// Codes every row of a plane.
  package init(_ plane: VectorPlane, metric: Metric) {
    let dimension = plane.dimension
    rowCount = plane.rowCount
    stride = RowCode.stride(dimension: dimension)
    self.metric = metric
    bytes = .allocate(byteCount: max(64, rowCount * stride), alignment: 64)
    scale = Scratch(rowCount)
    error = Scratch(rowCount)
    length = Scratch(rowCount)
    offset = Scratch(metric == .l2 ? rowCount : 0)
    let row = Scratch<Float>(dimension)
    for number in 0..<rowCount {
      ElementCoding.widen(plane.row(number), type: plane.elementType, count: dimension, to: row.base)
      let codes = (bytes + number * stride).assumingMemoryBound(to: UInt8.self)
      let factors = RowCode.encode(row.base, dimension: dimension, metric: metric, codes: codes)
      scale.base[number] = factors.scale
      error.base[number] = factors.error
      length.base[number] = factors.length
      if metric == .l2 { offset.base[number] = factors.offset }
    }
  }

  deinit { bytes.deallocate() }

  /// Valid as long as this object.
  package var plane: CodePlane {
    CodePlane(
      codes: UnsafePointer(bytes.assumingMemoryBound(to: UInt8.self)),
      factors: CodeFactors(
        scale: scale.base, error: error.base, length: length.base, offset: metric == .l2 ? offset.base : nil))
  }
}
