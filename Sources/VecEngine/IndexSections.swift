import VecCore
import VecIndex
import VecStorage

/// The index sections of a segment as indexes.
enum IndexSections {
  /// - Throws: `segment-damaged` when a section breaks the rules of its format.
  static func decode(_ file: MappedSegment) throws(VecError) -> IndexSet {
    do throws(VecError) {
      return try sections(file)
    } catch {
      throw VecError(error.code, "\(file.path): \(error.message)")
    }
  }

  private static func sections(_ file: MappedSegment) throws(VecError) -> IndexSet {
    let header = file.header
    var indexes = IndexSet()
    if let bytes = file.indexSection(.lists) {
      indexes.lists = try IVFLists(
        decoding: bytes, rowCount: header.rowCount, dimension: header.dimension, metric: header.metric)
    }
    if let bytes = file.indexSection(.graph) {
      indexes.graph = try HNSWGraph(decoding: bytes, rowCount: header.rowCount)
    }
    if let bytes = file.indexSection(.calibration) {
      indexes.calibration = try Calibration(decoding: bytes)
    }
    return indexes
  }
}
