import Synchronization
import VecCore
import VecIndex
import VecManifest

/// Where the ids of a bias set are in the segments and blocks that searches look at, found at the first search.
final class BiasPlaces: Sendable {
  private static let restsMax = 8
  /// Ids whose biases changed since a segment was looked up, at most; from there on it is looked up anew.
  private static let changesMax = 131_072

  private struct SegmentEntry {
    weak var segment: SegmentHandle?
    var rows: BiasedRows
    /// Rows that count and have no bias, by which rows counted; searches bring few different ones.
    var rests: [(live: LiveRows, rest: LiveRows)] = []
  }

  private struct BlockEntry {
    weak var block: DeltaBlock?
    var rowCount: Int
    var rows: BiasedRows
  }

  private struct State {
    var segments: [UUID: SegmentEntry] = [:]
    var blocks: [ObjectIdentifier: BlockEntry] = [:]
    /// What was known of the set as it was before.
    var before: [UUID: SegmentEntry] = [:]
    /// Ids whose biases have changed since, ascending.
    var changed: [UInt64] = []
  }

  private let state: Mutex<State>

  init() { state = Mutex(State()) }

  /// What is known of a set before some of its biases changed.
  ///
  /// - Parameter changed: ascending.
  init(after other: BiasPlaces, changed: [UInt64]) {
    var next = State()
    other.state.withLock { state in
      (next.before, next.changed) = state.segments.isEmpty ? (state.before, state.changed + changed) : (state.segments, changed)
    }
    next.changed = Array(Set(next.changed)).sorted()
    if next.changed.count > Self.changesMax { (next.before, next.changed) = ([:], []) }
    state = Mutex(next)
  }

  /// The rows of a segment that have a bias.
  func rows(of segment: SegmentHandle, _ set: BiasSet) throws(VecError) -> BiasedRows {
    let uuid = segment.row.uuid
    let (known, before, changed) = state.withLock { ($0.segments[uuid]?.rows, $0.before[uuid]?.rows, $0.changed) }
    if let known { return known }
    let found = Self.find(before == nil ? set.ids : changed, of: set, in: segment)
    let made = try segment.withPlane { (plane) throws(VecError) in
      before?.replacing(found, codes: plane.codes)
        ?? BiasedRows(rows: found.map(\.row), values: found.map(\.value), codes: plane.codes)
    }
    return state.withLock { state in
      if let kept = state.segments[uuid]?.rows { return kept }
      state.before[uuid] = nil
      state.segments = state.segments.filter { $0.value.segment != nil }
      state.segments[uuid] = SegmentEntry(segment: segment, rows: made)
      return made
    }
  }

  /// The rows that a segment has for ids, in the order of the rows, with their biases.
  private static func find(
    _ ids: [UInt64], of set: BiasSet, in segment: SegmentHandle
  ) -> [(row: UInt32, value: Float)] {
    var found: [(row: UInt32, value: Float)] = []
    for (place, row) in segment.rows(of: ids).enumerated() where row >= 0 {
      // Mostly they are all of the set.
      let isSame = place < set.ids.count && set.ids[place] == ids[place]
      found.append((UInt32(truncatingIfNeeded: row), isSame ? set.values[place] : set.value(of: ids[place])))
    }
    return found.sorted { $0.row < $1.row }
  }

  /// The rows of a segment that count and have no bias.
  ///
  /// - Parameter live: the same object as long as the same rows count.
  func rest(of segment: SegmentHandle, live: LiveRows, _ rows: BiasedRows) -> LiveRows {
    let uuid = segment.row.uuid
    if let known = state.withLock({ $0.segments[uuid]?.rests.first { $0.live === live }?.rest }) { return known }
    let made = live.removing(rows.rows.lazy.map { Int($0) })
    state.withLock { state in
      guard var rests = state.segments[uuid]?.rests else { return }
      if rests.count == Self.restsMax { rests.removeFirst() }
      rests.append((live, made))
      state.segments[uuid]?.rests = rests
    }
    return made
  }

  /// The rows of a part of a delta that have a bias.
  func rows(of part: DeltaPart, _ set: BiasSet) -> BiasedRows {
    let key = ObjectIdentifier(part.block)
    let known = state.withLock { state -> BlockEntry? in
      state.blocks[key].flatMap { $0.block === part.block ? $0 : nil }
    }
    if let known, known.rowCount == part.rowCount, known.rows.isCoded || part.codes == nil { return known.rows }
    var (rows, values) = (known?.rows.rows ?? [], known?.rows.values ?? [])
    // Blocks grow while searches look at them: one that holds an older part may come after one that holds a later one.
    if let known, known.rowCount > part.rowCount {
      let kept = rows.prefix { $0 < part.rowCount }.count
      return BiasedRows(rows: Array(rows[..<kept]), values: Array(values[..<kept]), codes: part.codes?.plane)
    }
    for row in (known?.rowCount ?? 0)..<part.rowCount {
      let value = set.value(of: part.block.id(row))
      guard value != 0 else { continue }
      rows.append(UInt32(truncatingIfNeeded: row))
      values.append(value)
    }
    let made = BiasedRows(rows: rows, values: values, codes: part.codes?.plane)
    state.withLock { state in
      state.blocks = state.blocks.filter { $0.value.block != nil }
      state.blocks[key] = BlockEntry(block: part.block, rowCount: part.rowCount, rows: made)
    }
    return made
  }
}
