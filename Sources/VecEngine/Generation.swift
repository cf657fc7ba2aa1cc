import VecCore
import VecIndex
import VecKernels
import VecManifest

/// One generation at one moment: its manifest row, its segments with the rows of them that count, and the rows written
/// since the last seal. Immutable, so a search that holds it sees one state whatever is written or published meanwhile.
struct Generation: Sendable {
  var row: GenerationRow
  var segments: [SegmentHandle]
  /// By segment; one that is not here has no dead rows.
  var live: [UUID: LiveRows] = [:]
  /// Blocks of all deltas, oldest first.
  var delta: [DeltaPart] = []
  /// Why it answers nothing and takes nothing: a file of it, or a part of the manifest about it, is damaged.
  var fence: String?
  /// Dead rows are such because a search's filter leaves them out, or looks at them apart from the others.
  var isFiltered = false
  /// What a search adds to scores.
  var bias: BiasSet?
  /// What the latest probe found; nil before one, and after a build.
  var probe: RecallProbe?
  /// The place in the manifest's order for the next segment; a segment in memory does not know its own.
  private(set) var nextOrdinal: Int

  init(row: GenerationRow, segments: [SegmentHandle]) {
    self.row = row
    self.segments = segments
    nextOrdinal = (segments.map(\.row.ordinal).max() ?? -1) + 1
  }

  /// Gives a new segment its place.
  mutating func placed(_ segment: SegmentRow) -> SegmentRow {
    var row = segment
    row.ordinal = nextOrdinal
    nextOrdinal += 1
    return row
  }

  /// Rows that count.
  var rowCount: UInt64 {
    segments.reduce(0) { $0 + UInt64(liveCount($1)) } + delta.reduce(0) { $0 + UInt64($1.liveCount) }
  }
  var byteCount: UInt64 { segments.reduce(0) { $0 + $1.row.byteCount } }
  /// Whether rows were written or deleted one by one since the generation was built.
  var hasWrites: Bool { !delta.isEmpty || !live.isEmpty }
  /// The rows of all segments that count, numbered over all of them.
  var liveRows: [UInt32] {
    var first = 0
    return segments.flatMap { segment -> [UInt32] in
      defer { first += Int(segment.row.rowCount) }
      let rows = live[segment.row.uuid]?.rows ?? Array(0..<Int(segment.row.rowCount))
      return rows.map { UInt32(truncatingIfNeeded: first + $0) }
    }
  }

  func liveCount(_ segment: SegmentHandle) -> Int { live[segment.row.uuid]?.count ?? Int(segment.row.rowCount) }

  /// - Parameter excludedCount: ids that a search excludes.
  func planner(dimension: Int, costs: CostModel, excludedCount: Int = 0) -> Planner {
    Planner(
      parts: segments.map {
        $0.indexes.planned(
          rowCount: Int($0.row.rowCount), liveCount: liveCount($0), excludedCount: excludedCount, isFiltered: isFiltered)
      }
        + searchedDelta.map { IndexSet().planned(rowCount: $0.rowCount) },
      stride: RowCode.stride(dimension: dimension), dimension: dimension, costs: costs)
  }

  private var searchedDelta: [DeltaPart] { delta.filter { $0.liveCount > 0 } }

  /// Calls `body` with all segments as searches see them, and then the blocks of the delta; the pointers are good during
  /// the call.
  func withSearched<T>(
    without exclusion: Exclusion?, _ pool: MaskPool, _ body: ([SearchedSegment]) throws(VecError) -> T
  ) throws(VecError) -> T {
    let delta = searchedDelta.map { part in exclusion.map { part.without($0.rows(of: part)) } ?? part }
    return try collect(segments[...], [], exclusion, pool) { (found) throws(VecError) in
      try body(found + delta.map { SearchedSegment(indexes: IndexSet(), plane: $0.plane) })
    }
  }

  private func collect<T>(
    _ rest: ArraySlice<SegmentHandle>, _ found: [SearchedSegment], _ exclusion: Exclusion?, _ pool: MaskPool,
    _ body: ([SearchedSegment]) throws(VecError) -> T
  ) throws(VecError) -> T {
    guard let first = rest.first else { return try body(found) }
    let live = live[first.row.uuid]
    let gone = exclusion?.rows(of: first, live: live) ?? []
    let scratch = gone.isEmpty ? nil : pool.take(first.row.uuid, live: live ?? first.allRows, without: gone)
    defer { if let scratch { pool.giveBack(scratch) } }
    return try first.withPlane { (plane) throws(VecError) in
      let segment = SearchedSegment(indexes: first.indexes, plane: plane.masked(by: scratch?.mask ?? live?.mask))
      return try collect(rest.dropFirst(), found + [segment], exclusion, pool, body)
    }
  }

  /// The stored vectors of ids as float32, nil for those that are not there.
  func vectors(of ids: [UInt64]) -> [[Float]?] {
    let recent = deltaRows(of: ids)
    return zip(ids, segmentRows(of: ids)).map { id, found in
      if let (part, row) = recent[id] { return Array(delta[part].block.vector(row)) }
      return found.flatMap { segments[$0.segment].vector(ofRow: $0.row) }
    }
  }

  /// Where in the delta the wanted ids are: one pass over its rows, which are few.
  func deltaRows(of ids: [UInt64]) -> [UInt64: (part: Int, row: Int)] {
    guard !delta.isEmpty else { return [:] }
    let wanted = Set(ids)
    var found: [UInt64: (part: Int, row: Int)] = [:]
    for (number, part) in delta.enumerated() {
      for row in 0..<part.rowCount where wanted.contains(part.block.id(row)) && part.isLive(row) {
        found[part.block.id(row)] = (number, row)
      }
    }
    return found
  }
}
