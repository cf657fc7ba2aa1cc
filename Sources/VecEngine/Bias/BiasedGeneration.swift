import VecCore
import VecIndex
import VecManifest

/// A generation as a search with biases sees it: the rows that have one, and the others, among which the indexes look.
struct BiasedGeneration {
  let set: BiasSet
  /// Those with a bias count as dead.
  let rest: Generation
  private let segments: [(segment: SegmentHandle, rows: BiasedRows, live: LiveRows?)]
  private let delta: [(part: DeltaPart, rows: BiasedRows)]

  /// Nil when nothing is added to scores.
  init?(_ generation: Generation) throws(VecError) {
    guard let set = generation.bias else { return nil }
    self.set = set
    var rest = generation
    var segments: [(segment: SegmentHandle, rows: BiasedRows, live: LiveRows?)] = []
    for segment in generation.segments {
      let rows = try set.places.rows(of: segment, set)
      guard !rows.rows.isEmpty else { continue }
      let live = generation.live[segment.row.uuid]
      segments.append((segment, rows, live))
      rest.live[segment.row.uuid] = set.places.rest(of: segment, live: live ?? segment.allRows, rows)
      rest.isFiltered = true
    }
    var delta: [(part: DeltaPart, rows: BiasedRows)] = []
    rest.delta = generation.delta.map { part in
      let rows = set.places.rows(of: part, set)
      guard !rows.rows.isEmpty else { return part }
      delta.append((part, rows))
      return part.without(rows.rows.map { Int($0) }.filter(part.isLive))
    }
    self.rest = rest
    self.segments = segments
    self.delta = delta
  }

  /// Calls `body` with the rows that have a bias, without excluded ones; the pointers are good during the call.
  func withBiased<T>(
    without exclusion: Exclusion?, _ body: ([BiasedPart]) throws(VecError) -> T
  ) throws(VecError) -> T {
    let recent = delta.map { part, rows in
      (part: exclusion.map { part.without($0.rows(of: part)) } ?? part, rows: rows)
    }
    return try collect(segments[...], [], exclusion) { (found) throws(VecError) in
      try body(found + recent.map { BiasedPart(plane: $0.part.plane, rows: $0.rows) })
    }
  }

  private func collect<T>(
    _ others: ArraySlice<(segment: SegmentHandle, rows: BiasedRows, live: LiveRows?)>, _ found: [BiasedPart],
    _ exclusion: Exclusion?, _ body: ([BiasedPart]) throws(VecError) -> T
  ) throws(VecError) -> T {
    guard let (segment, rows, live) = others.first else { return try body(found) }
    let gone = exclusion?.rows(of: segment, live: live).filter { rows.contains(UInt32($0)) } ?? []
    let counting = gone.isEmpty ? live : (live ?? segment.allRows).removing(gone)
    return try segment.withPlane { (plane) throws(VecError) in
      let part = BiasedPart(plane: plane.masked(by: counting?.mask), rows: rows)
      return try withExtendedLifetime(counting) { () throws(VecError) in
        try collect(others.dropFirst(), found + [part], exclusion, body)
      }
    }
  }
}
