import Synchronization
import VecAttributes
import VecCore
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
final class FilterCache: Sendable {
  private static let byteCountMax = 64 << 20

  private struct Key: Hashable {
    let segment: UUID
    let filter: [UInt8]
  }

  private struct Entry {
    let passed: LiveRows
    /// `passed` less the rows that were dead when it was asked last, and what told so.
    var live: (of: LiveRows, both: LiveRows)?
    var used: UInt64
    var byteCount: Int { (live == nil ? 8 : 16) * passed.wordCount }
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
    var byteCount = 0
  }

  private let state = Mutex(State())

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
    let passed = entry?.passed ?? Self.scan(segment, filter)
    entry = Entry(passed: passed, live: live.map { ($0, $0.intersection(passed)) }, used: 0)
    keep(entry, under: key)
    return entry?.live?.both ?? passed
  }

  private static func scan(_ segment: SegmentHandle, _ filter: ItemFilter) -> LiveRows {
    let (bitmap, count) = filter.compiled.rows(of: segment.items.columns)
    return LiveRows(words: bitmap.words, rowCount: bitmap.rowCount, count: count)
  }

  /// Those used longest ago leave.
  private func keep(_ entry: Entry?, under key: Key) {
    guard var entry else { return }
    state.withLock { state in
      entry.used = state.clock
      state.byteCount += entry.byteCount - (state.entries[key]?.byteCount ?? 0)
      state.entries[key] = entry
      while state.byteCount > Self.byteCountMax, let oldest = state.entries.min(by: { $0.value.used < $1.value.used }) {
        state.byteCount -= oldest.value.byteCount
        state.entries[oldest.key] = nil
      }
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
    narrowed.delta = delta.map { part in
      part.without((0..<part.rowCount).filter { part.isLive($0) && !filter.compiled.matches(part.block.record($0)) })
    }
    narrowed.isFiltered = true
    return narrowed
  }
}
