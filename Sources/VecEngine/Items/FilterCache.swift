import Synchronization
import VecAttributes
import VecCore
import VecKernels
import VecManifest

/// A filter as a search brings it.
struct ItemFilter {
  /// The wire form, which is what it is known by.
  let bytes: [UInt8]
  let compiled: CompiledFilter

  /// - Throws: `invalid-argument` when it does not suit the attributes; as `Filter.init(decoding:)`.
  init(_ bytes: [UInt8], _ definitions: [AttributeDefinition]) throws(VecError) {
    self.bytes = bytes
    compiled = try CompiledFilter(Filter(decoding: bytes), for: definitions)
  }
}

/// Rows of segments for which filters were true, for searches that bring the same filter: a recall service asks the same few
/// again and again, and a scan of the columns costs as much as the search.
///
/// They are kept when a filter comes the second time: one that never comes again takes no memory, and puts out none that do.
final class FilterCache: Sendable {
  private static let byteCountMax = 64 << 20
  /// Filters that came once, and are remembered by hash.
  private static let onceMax = 4_096

  private struct Key: Hashable {
    let segment: UUID
    let filter: [UInt8]
  }

  private struct Entry {
    let passed: LiveRows
    /// `passed` less the rows that were dead when it was asked last, and what told so.
    var live: (of: LiveRows, both: LiveRows)?
    var used: UInt64
    /// With what a key and the entry itself take, about.
    func byteCount(_ key: Key) -> Int { (live == nil ? 8 : 16) * passed.wordCount + key.filter.count + 256 }
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var once: Set<Int> = []
    var clock: UInt64 = 0
    var byteCount = 0
  }

  let kernels: Kernels
  private let state = Mutex(State())

  init(kernels: Kernels) { self.kernels = kernels }

  /// The rows of a segment for which the filter is true and that count.
  ///
  /// - Parameter live: the same object as long as no row dies; nil when all rows count.
  func rows(of segment: SegmentHandle, _ filter: ItemFilter, live: LiveRows?) -> LiveRows {
    let key = Key(segment: segment.row.uuid, filter: filter.bytes)
    var entry = state.withLock { state -> Entry? in
      state.clock += 1
      state.entries[key]?.used = state.clock
      return state.entries[key]
    }
    if let entry {
      guard let live else { return entry.passed }
      if let both = entry.live, both.of === live { return both.both }
    }
    let passed = entry?.passed ?? scan(segment, filter)
    guard entry != nil || isKnown(key) else { return live?.intersection(passed) ?? passed }
    entry = Entry(passed: passed, live: live.map { ($0, $0.intersection(passed)) }, used: 0)
    keep(entry, under: key)
    return entry?.live?.both ?? passed
  }

  /// Whether a filter came before; it has now.
  private func isKnown(_ key: Key) -> Bool {
    let hash = key.hashValue
    return state.withLock { state in
      if state.once.remove(hash) != nil { return true }
      if state.once.count == Self.onceMax { state.once = [] }
      state.once.insert(hash)
      return false
    }
  }

  private func scan(_ segment: SegmentHandle, _ filter: ItemFilter) -> LiveRows {
    filter.compiled.passing(segment.items.columns, segment.items.valueOrder, kernels)
  }

  /// When there are too many, the half that was used longest ago leaves: at once, because finding it takes a look at all.
  private func keep(_ entry: Entry?, under key: Key) {
    guard var entry else { return }
    state.withLock { state in
      entry.used = state.clock
      state.byteCount += entry.byteCount(key) - (state.entries[key]?.byteCount(key) ?? 0)
      state.entries[key] = entry
      guard state.byteCount > Self.byteCountMax else { return }
      let times = state.entries.values.map(\.used).sorted()
      state.entries = state.entries.filter { $0.value.used > times[times.count / 2] }
      state.byteCount = state.entries.reduce(0) { $0 + $1.value.byteCount($1.key) }
    }
  }
}

extension Generation {
  /// The same with only the items for which a filter is true: the others count as dead.
  func filtered(by filter: ItemFilter, _ cache: FilterCache) -> Generation {
    var narrowed = self
    for segment in segments {
      narrowed.live[segment.row.uuid] = cache.rows(of: segment, filter, live: live[segment.row.uuid])
    }
    narrowed.delta = delta.map { $0.filtered(by: filter.compiled, cache.kernels) }
    narrowed.isFiltered = true
    return narrowed
  }
}

extension CompiledFilter {
  fileprivate func passing(_ columns: AttributeColumns, _ order: ValueOrder?, _ kernels: Kernels) -> LiveRows {
    LiveRows(rowCount: columns.rowCount) { rows(of: columns, order, kernels, into: $0) }
  }
}

extension DeltaPart {
  fileprivate func filtered(by filter: CompiledFilter, _ kernels: Kernels) -> DeltaPart {
    guard let columns else {
      return without((0..<rowCount).filter { isLive($0) && !filter.matches(block.record($0)) })
    }
    let passed = filter.passing(columns, nil, kernels)
    var part = self
    part.live = live.map { $0.intersection(passed) } ?? passed
    return part
  }
}
