import VecCore
import VecIndex
import VecKernels
import VecManifest

/// One generation at one moment: its manifest row and its segments. Immutable, so a search that holds it sees one state
/// whatever is published meanwhile.
struct Generation: Sendable {
  var row: GenerationRow
  var segments: [SegmentHandle]

  var rowCount: UInt64 { segments.reduce(0) { $0 + $1.row.rowCount } }
  var byteCount: UInt64 { segments.reduce(0) { $0 + $1.row.byteCount } }

  func planner(dimension: Int) -> Planner {
    Planner(
      parts: segments.map { $0.indexes.planned(rowCount: Int($0.row.rowCount)) },
      stride: RowCode.stride(dimension: dimension), dimension: dimension)
  }

  /// Calls `body` with all segments as searches see them; the pointers are good during the call.
  func withSearched<T>(_ body: ([SearchedSegment]) throws(VecError) -> T) throws(VecError) -> T {
    try collect(segments[...], [], body)
  }

  private func collect<T>(
    _ rest: ArraySlice<SegmentHandle>, _ found: [SearchedSegment], _ body: ([SearchedSegment]) throws(VecError) -> T
  ) throws(VecError) -> T {
    guard let first = rest.first else { return try body(found) }
    return try first.withPlane { (plane) throws(VecError) in
      try collect(rest.dropFirst(), found + [SearchedSegment(indexes: first.indexes, plane: plane)], body)
    }
  }
}
