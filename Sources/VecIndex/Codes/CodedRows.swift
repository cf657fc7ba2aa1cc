package import VecCore
import VecKernels

/// The codes of some rows in memory of their own, in huge pages. The same rows give the same bytes on every CPU and for
/// every number of workers.
// Sendable: the memory is written by the initialisers only.
package final class CodedRows: @unchecked Sendable {
  package let layout: CodeLayout
  private let codes: HotMemory
  private let sketches: HotMemory
  private let hasSketches: Bool

  /// Codes every row of a plane.
  /// - Parameters:
  ///   - sketched: with sketches, which take half as much memory again and make single queries over all rows faster.
  ///   - team: threads to share the work.
  /// - Throws: `overloaded` when there is no memory.
  package init(_ plane: VectorPlane, metric: Metric, sketched: Bool = true, team: WorkTeam = .single) throws(VecError) {
    layout = CodeLayout(rowCount: plane.rowCount, dimension: plane.dimension, metric: metric)
    hasSketches = sketched
    codes = try HotMemory(layout.codeByteCount)
    sketches = try HotMemory(sketched ? layout.sketchByteCount : 0)
    let coder = RowCoder(
      plane: plane, layout: layout, codes: codes.base, sketches: sketched ? sketches.base : nil)
    team.forEach(layout.blockCount, step: 64) { _, blocks in coder.code(blocks) }
  }

  /// Memory that the codes and sketches of so many rows take.
  package static func byteCount(rowCount: Int, dimension: Int, metric: Metric) -> Int {
    let layout = CodeLayout(rowCount: rowCount, dimension: dimension, metric: metric)
    return layout.codeByteCount + layout.sketchByteCount
  }

  /// The bytes of both planes; valid as long as this object.
  package var codeBytes: UnsafeRawBufferPointer { codes.bytes }
  package var sketchBytes: UnsafeRawBufferPointer? { hasSketches ? sketches.bytes : nil }
  /// Memory taken.
  package var byteCount: Int { codes.byteCount + sketches.byteCount }

  /// Valid as long as this object.
  package var plane: CodePlane {
    CodePlane(layout, codes: codes.base, sketches: hasSketches ? UnsafeRawPointer(sketches.base) : nil)
  }
}

/// Codes whole blocks of rows into memory that is zero.
// Sendable: workers write to different blocks.
private struct RowCoder: @unchecked Sendable {
  let plane: VectorPlane
  let layout: CodeLayout
  let codes: UnsafeMutableRawPointer
  let sketches: UnsafeMutableRawPointer?

  func code(_ blocks: Range<Int>) {
    let row = Scratch<Float>(plane.dimension)
    for block in blocks {
      let first = block * RowSketch.blockRows
      for number in first..<min(plane.rowCount, first + RowSketch.blockRows) {
        ElementCoding.widen(plane.row(number), type: plane.elementType, count: plane.dimension, to: row.base)
        let factors = RowCode.encode(
          row.base, dimension: plane.dimension, metric: layout.metric,
          codes: (codes + number * layout.stride).assumingMemoryBound(to: UInt8.self))
        (codes + layout.factorsOffset).storeBytes(
          of: factors, toByteOffset: number * MemoryLayout<CodeFactors>.stride, as: CodeFactors.self)
        let head = codes + layout.headsOffset + number * layout.headCount * 4
        head.storeBytes(of: factors.scale, as: Float.self)
        if layout.headCount == 2 { head.storeBytes(of: factors.offset, toByteOffset: 4, as: Float.self) }
        if let sketches { sketch(row.base, number, factors.offset, sketches) }
      }
    }
  }

  private func sketch(
    _ row: UnsafePointer<Float>, _ number: Int, _ offset: Float, _ sketches: UnsafeMutableRawPointer
  ) {
    let block = number / RowSketch.blockRows
    let made = RowSketch.encode(
      row, dimension: plane.dimension, metric: layout.metric, place: number % RowSketch.blockRows,
      block: (sketches + block * layout.blockBytes).assumingMemoryBound(to: UInt8.self))
    sketches.storeBytes(of: made.scale, toByteOffset: layout.scaleOffset + 4 * number, as: Float.self)
    sketches.storeBytes(of: made.error, toByteOffset: layout.errorOffset + 4 * number, as: Float.self)
    if layout.metric == .l2 {
      sketches.storeBytes(of: offset, toByteOffset: layout.offsetOffset + 4 * number, as: Float.self)
    }
    let length = layout.lengthOffset + 4 * block
    let greatest = max(made.length, sketches.load(fromByteOffset: length, as: Float.self))
    sketches.storeBytes(of: greatest, toByteOffset: length, as: Float.self)
  }
}
