package import VecCore

/// One segment's rows as an index sees them: borrowed memory, valid during the call it is handed to.
package struct VectorPlane {
  package let base: UnsafeRawPointer
  package let rowCount: Int
  package let dimension: Int
  package let elementType: ElementType
  package let ids: UnsafePointer<UInt64>
  package let inverseNorms: UnsafePointer<Float>?
  package let greatestNorm: Float
  package let codes: CodePlane?
  /// Rows that may be returned; nil for all.
  package let mask: RowMask?

  /// - Parameters:
  ///   - base: `rowCount * dimension` finite elements, row after row without a gap, of any alignment.
  ///   - rowCount: at most `Limits.segmentRowsMax`.
  ///   - ids: one per row, in any order. No id occurs twice in the planes of one search.
  ///   - inverseNorms: 1 / norm per row, to nearest; needed under cosine, ignored otherwise.
  ///   - greatestNorm: not below the norm of any row.
  ///   - codes: byte codes of the same rows; without them scans read the elements themselves.
  ///   - mask: rows that may be returned; nil for all. Only those count where ids must differ.
  package init(
    base: UnsafeRawPointer, rowCount: Int, dimension: Int, elementType: ElementType, ids: UnsafePointer<UInt64>,
    inverseNorms: UnsafePointer<Float>?, greatestNorm: Float, codes: CodePlane? = nil,
    mask: RowMask? = nil
  ) {
    self.base = base
    self.rowCount = rowCount
    self.dimension = dimension
    self.elementType = elementType
    self.ids = ids
    self.inverseNorms = inverseNorms
    self.greatestNorm = greatestNorm
    self.codes = codes
    self.mask = mask
  }

  /// The same rows, of which only some may be returned.
  package func masked(by mask: RowMask?) -> VectorPlane {
    VectorPlane(
      base: base, rowCount: rowCount, dimension: dimension, elementType: elementType, ids: ids,
      inverseNorms: inverseNorms, greatestNorm: greatestNorm, codes: codes, mask: mask)
  }

  /// How many rows may be returned.
  package var allowedCount: Int { mask?.allowedCount(of: rowCount) ?? rowCount }

  /// The first element of a row.
  func row(_ number: Int) -> UnsafeRawPointer { base + number * dimension * elementType.byteCount }
}

/// One result: an id, its score as callers see it (l2: squared distance), and which interest scored best.
package struct Hit: Sendable, Equatable {
  package var id: UInt64
  package var score: Float
  package var interest: UInt8

  package init(id: UInt64, score: Float, interest: UInt8) {
    self.id = id
    self.score = score
    self.interest = interest
  }
}
