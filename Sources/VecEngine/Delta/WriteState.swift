import VecCore
import VecKernels
import VecManifest

/// What the writer knows of one generation that takes single writes: its deltas, where each id's row is, which rows of the
/// segments still count, and the tokens of past writes. Guarded by the writer lock; searches see the copies that
/// `Generation.show` takes.
final class WriteState {
  /// A row of a delta.
  struct Place {
    var delta: UInt64
    var row: Int
  }

  /// What the manifest knows of a segment's dead rows.
  struct Kept {
    var parts: UInt64 = 0
    /// Nil when none is dead.
    var live: LiveRows?
  }

  let dimension: Int
  let metric: Metric
  /// Oldest first; the last one takes writes.
  var deltas: [Delta] = []
  var places: [UInt64: Place] = [:]
  var tokens = TokenWindow()
  /// By segment, as far as rows are dead.
  var live: [UUID: LiveRows]
  var kept: [UUID: Kept]

  /// - Parameter kept: the dead rows that the manifest holds.
  init(dimension: Int, metric: Metric, kept: [UUID: Kept]) {
    self.dimension = dimension
    self.metric = metric
    self.kept = kept
    live = kept.compactMapValues(\.live)
  }

  var rowCount: Int { deltas.reduce(0) { $0 + $1.rowCount } }
  var byteCount: Int { deltas.reduce(0) { $0 + $1.byteCount } }

  /// Carries out logged writes, in their order.
  ///
  /// - Parameter segments: of the generation.
  /// - Returns: per write, how many of its ids were there.
  func apply(_ writes: [(delta: UInt64, write: LoggedWrite)], segments: [SegmentHandle]) -> [UInt64] {
    var deaths = Deaths()
    let counts = writes.map { delta, write -> UInt64 in
      if let token = write.token { tokens.insert(token, write.sequence) }
      if let at = deltas.firstIndex(where: { $0.row.number == delta }) { deltas[at].idCount += write.rowCount }
      switch write.kind {
      case .tokens:
        tokens.insert(carried: write)
        return 0
      case .delete: return write.withIDs { ids in remove(ids, segments, &deaths) }
      case .upsert, .upsertWithRecords: return upsert(write, into: delta, segments, &deaths)
      }
    }
    for place in deltas.indices { deltas[place].settle(dead: deaths.inDeltas[deltas[place].row.number] ?? []) }
    for segment in segments {
      guard let rows = deaths.inSegments[segment.row.uuid] else { continue }
      let before = live[segment.row.uuid] ?? LiveRows(rowCount: Int(segment.row.rowCount))
      live[segment.row.uuid] = before.removing(rows)
    }
    return counts
  }

  /// Rows that die in one call of `apply`.
  private struct Deaths {
    var inSegments: [UUID: Set<Int>] = [:]
    var inDeltas: [UInt64: [Int]] = [:]
  }

  private func upsert(
    _ write: LoggedWrite, into number: UInt64, _ segments: [SegmentHandle], _ deaths: inout Deaths
  ) -> UInt64 {
    guard let at = deltas.firstIndex(where: { $0.row.number == number }) else { return 0 }
    var existing: UInt64 = 0
    // Rows from here on are of this very write: an id that comes twice in it was not there before.
    let own = deltas[at].rowCount
    // They were checked when they were accepted, and when they were read from the log.
    let records = (try? write.records(dimension: dimension)) ?? []
    write.withRows(dimension: dimension) { ids, vectors in
      let norms = RowInspection(rows: vectors, dimension: dimension).norms
      for (row, id) in ids.enumerated() {
        let isOwn = places[id].map { $0.delta == number && $0.row >= own } ?? false
        if kill(id, segments, &deaths), !isOwn { existing += 1 }
        let record = records.isEmpty ? AttributeRecord() : records[row]
        guard let vector = vectors.baseAddress.map({ $0 + row * dimension }) else { continue }
        places[id] = Place(delta: number, row: deltas[at].append(id, vector, norm: norms[row], record))
      }
    }
    return existing
  }

  private func remove(_ ids: UnsafeBufferPointer<UInt64>, _ segments: [SegmentHandle], _ deaths: inout Deaths) -> UInt64 {
    ids.reduce(0) { $0 + (kill($1, segments, &deaths) ? 1 : 0) }
  }

  /// The row that an id has now counts no more; false when it has none.
  private func kill(_ id: UInt64, _ segments: [SegmentHandle], _ deaths: inout Deaths) -> Bool {
    if let place = places.removeValue(forKey: id) {
      deaths.inDeltas[place.delta, default: []].append(place.row)
      return true
    }
    // An id lives once in a generation; the newest segments are small and asked first.
    for segment in segments.reversed() {
      guard let row = segment.row(of: id), live[segment.row.uuid]?.contains(row) ?? true else { continue }
      return deaths.inSegments[segment.row.uuid, default: []].insert(row).inserted
    }
    return false
  }
}

extension LoggedWrite {
  /// Calls `body` with the ids of a delete. Content comes from `WriteGroup` or has been checked by `DeltaReader`.
  func withIDs<T>(_ body: (UnsafeBufferPointer<UInt64>) -> T) -> T {
    content.withUnsafeBytes { body(UnsafeBufferPointer(rebasing: $0.bindMemory(to: UInt64.self)[..<rowCount])) }
  }

  /// Calls `body` with the ids and vectors of an upsert.
  func withRows(dimension: Int, _ body: (UnsafeBufferPointer<UInt64>, UnsafeBufferPointer<Float>) -> Void) {
    content.withUnsafeBytes { bytes in
      let ids = UnsafeRawBufferPointer(rebasing: bytes[..<(8 * rowCount)]).bindMemory(to: UInt64.self)
      let rest = bytes[(8 * rowCount)..<((8 + 4 * dimension) * rowCount)]
      let vectors = UnsafeRawBufferPointer(rebasing: rest).bindMemory(to: Float.self)
      body(ids, vectors)
    }
  }
}
