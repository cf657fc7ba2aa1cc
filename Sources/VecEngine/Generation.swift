import VecCore
import VecIndex
import VecManifest

/// One generation at one moment: its manifest row and its segments. Immutable, so a search that holds it sees one state
/// whatever is published meanwhile.
struct Generation: Sendable {
  var row: GenerationRow
  var segments: [SegmentHandle]

  var rowCount: UInt64 { segments.reduce(0) { $0 + $1.row.rowCount } }
  var byteCount: UInt64 { segments.reduce(0) { $0 + $1.row.byteCount } }

  /// The segment that holds everything, if there is just one: what indexes other than flat need.
  var onlySegment: SegmentHandle? { segments.count == 1 ? segments.first : nil }

  func planner(dimension: Int) -> Planner {
    (onlySegment?.indexes ?? IndexSet()).planner(rowCount: Int(rowCount), dimension: dimension)
  }

  /// Calls `body` with the planes of all segments; their pointers are good during the call.
  func withPlanes<T>(_ body: ([VectorPlane]) throws(VecError) -> T) throws(VecError) -> T {
    try collectPlanes(segments[...], [], body)
  }

  private func collectPlanes<T>(
    _ rest: ArraySlice<SegmentHandle>, _ planes: [VectorPlane], _ body: ([VectorPlane]) throws(VecError) -> T
  ) throws(VecError) -> T {
    guard let first = rest.first else { return try body(planes) }
    return try first.withIDs { (ids) throws(VecError) in
      guard let base = ids.baseAddress else { return try collectPlanes(rest.dropFirst(), planes, body) }
      return try collectPlanes(rest.dropFirst(), planes + [try first.plane(ids: base)], body)
    }
  }
}
