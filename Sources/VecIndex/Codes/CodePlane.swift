package import VecCore
package import VecKernels

/// The codes of one segment's rows as an index sees them: borrowed memory, valid during the call it is handed to.
package struct CodePlane {
  package let layout: CodeLayout
  /// One byte per dimension, `RowCode.stride(dimension:)` bytes a row.
  package let codes: UnsafePointer<UInt8>
  package let factors: UnsafePointer<CodeFactors>
  /// Half a byte per dimension, for single queries over many rows.
  package let sketches: SketchRows?

  package var rowCount: Int { layout.rowCount }

  init(_ layout: CodeLayout, codes: UnsafeRawPointer, sketches: UnsafeRawPointer?) {
    self.layout = layout
    (self.codes, factors) = layout.codes(codes)
    self.sketches = sketches.map { layout.sketches($0) }
  }

  /// Adopts sections that were stored. Every length and every factor is checked; that the factors are those of the rows
  /// is what checksums vouch for.
  ///
  /// - Parameters:
  ///   - codes: `layout.codeByteCount` bytes, 16-byte aligned; they outlive the plane.
  ///   - sketches: `layout.sketchByteCount` bytes, 4-byte aligned, or nil.
  /// - Throws: `segment-damaged` naming what does not fit.
  package init(
    adopting codes: UnsafeRawBufferPointer, sketches: UnsafeRawBufferPointer?, layout: CodeLayout
  ) throws(VecError) {
    let codeBase = try Self.base(codes, layout.codeByteCount, alignment: 16, "codes")
    var sketchBase: UnsafeRawPointer?
    if let sketches { sketchBase = try Self.base(sketches, layout.sketchByteCount, alignment: 4, "sketches") }
    self.init(layout, codes: codeBase, sketches: sketchBase)
    try checkFactors()
  }

  private static func base(
    _ bytes: UnsafeRawBufferPointer, _ count: Int, alignment: Int, _ name: String
  ) throws(VecError) -> UnsafeRawPointer {
    guard bytes.count == count, let base = bytes.baseAddress, UInt(bitPattern: base) % UInt(alignment) == 0 else {
      throw VecError(
        .segmentDamaged,
        "section \(name) has \(bytes.count) bytes, must be \(count) aligned to \(alignment)")
    }
    return base
  }

  private func checkFactors() throws(VecError) {
    for row in 0..<rowCount {
      let found = factors[row]
      guard Self.isFactor(found.scale), Self.isFactor(found.error), Self.isFactor(found.length),
        layout.metric == .l2 ? Self.isFactor(-found.offset) : found.offset == 0
      else { throw VecError(.segmentDamaged, "codes: row \(row) has factors \(found), no row is coded so") }
    }
    guard let sketches else { return }
    for row in 0..<rowCount {
      guard Self.isFactor(sketches.scale[row]), Self.isFactor(sketches.error[row]),
        Self.isFactor(sketches.length[row / RowSketch.blockRows]),
        sketches.offset.map({ $0[row] == factors[row].offset }) ?? true
      else { throw VecError(.segmentDamaged, "sketches: row \(row) has factors that no row is sketched with") }
    }
  }

  // Written so that NaN fails as well. Nothing in a code is longer than twice the longest row, or half its square.
  private static func isFactor(_ value: Float) -> Bool { value >= 0 && value <= 1e37 }
}
