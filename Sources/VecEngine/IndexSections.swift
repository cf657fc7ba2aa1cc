import VecCore
import VecIndex
import VecKernels
import VecStorage

/// The index sections of a segment as indexes.
enum IndexSections {
  /// - Throws: `segment-damaged` when a section breaks the rules of its format.
  static func decode(_ file: MappedSegment, kernels: Kernels) throws(VecError) -> IndexSet {
    let header = file.header
    var indexes = IndexSet()
    if let bytes = file.indexSection(.lists) {
      indexes.lists = try IVFLists(
        decoding: bytes, rowCount: header.rowCount, dimension: header.dimension, metric: header.metric,
        kernels: kernels, context: file.path)
    }
    if let bytes = file.indexSection(.calibration) {
      indexes.calibration = try Calibration(decoding: bytes, context: file.path)
    }
    return indexes
  }
}
