import VecCore
import VecManifest

/// Puts new segments in the place of those they were made from, in the manifest and then in memory.
///
/// Rows that died while the new segments were made are dead in them too, and segments that came meanwhile stay.
struct SegmentSwap {
  /// The generation as it was when the work began, with the segments that are replaced.
  let source: Generation
  /// What is made from all of its segments; may hold some of them.
  let made: [SegmentHandle]
  /// What the generation is from now on; nil leaves it as it is.
  let index: IndexType?
  /// Real queries that it was built with.
  var sample: QuerySample?

  private var gone: [SegmentHandle] { source.segments.filter { old in !made.contains { $0 === old } } }
  private var new: [SegmentHandle] { made.filter { one in !source.segments.contains { $0 === one } } }

  func run(_ engine: Engine, of name: String) throws(VecError) {
    let (gone, new) = (gone, new)
    try engine.withWriter { (writer) throws(VecError) in
      let collection = try engine.collection(name)
      guard var next = collection.generations.first(where: { $0.row.number == source.row.number }) else {
        throw VecError(.generationNotFound, "generation \(source.row.label) of \(name) was dropped meanwhile")
      }
      guard source.segments.allSatisfy({ old in next.segments.contains { $0 === old } }) else {
        throw VecError(.internalDefect, "segments of \(source.row.label) changed under the work on them; nothing was changed")
      }
      var row = collection.row
      row.sequence += 1
      let dead = deadRows(in: next)
      if next.row.state == .building { next.row.state = .built }
      if let index {
        next.row.index = index
        next.row.builtAt = engine.options.now()
        next.probe = nil
      }
      let rows = new.map { next.placed($0.row) }
      let isMakingRoom = new.reduce(0) { $0 + $1.row.byteCount } < gone.reduce(0) { $0 + $1.row.byteCount }
      try writer.manifest.transaction(makingRoom: isMakingRoom) { [row, next, rows] (transaction) throws(VecError) in
        for segment in gone { try transaction.deleteSegment(segment.row.uuid, of: row.number) }
        for segment in rows { try transaction.insert(segment, of: row.number) }
        for (segment, died) in dead {
          let numbers = died.map { UInt32(truncatingIfNeeded: $0) }
          try transaction.insertDeadRows(numbers, part: 1, of: segment.row.uuid, collection: row.number)
        }
        if let sample {
          try transaction.setSample(sample.vectors, dimension: sample.dimension, of: next.row.number)
        }
        try transaction.update(next.row)
        try transaction.update(row)
      }
      next.segments = made + next.segments.filter { one in !source.segments.contains { $0 === one } }
      if let state = writer.states[next.row.number] {
        for segment in gone { (state.live[segment.row.uuid], state.kept[segment.row.uuid]) = (nil, nil) }
        for (segment, died) in dead {
          let live = LiveRows(rowCount: Int(segment.row.rowCount)).removing(died)
          state.live[segment.row.uuid] = live
          state.kept[segment.row.uuid] = WriteState.Kept(parts: 1, live: live)
        }
        next.show(state)
      }
      engine.update(name) { [row, next] in
        $0.replace(next)
        $0.row = row
      }
    }
    for segment in gone { segment.retire() }
  }

  /// Rows of the new segments whose origin counted when the work began and does not now, ascending.
  private func deadRows(in now: Generation) -> [(segment: SegmentHandle, rows: [Int])] {
    let died = source.segments.flatMap { old -> [UInt64] in
      let before = source.live[old.row.uuid] ?? LiveRows(rowCount: Int(old.row.rowCount))
      return before.lost(in: now.live[old.row.uuid]).map { old.ids[$0] }
    }
    guard !died.isEmpty else { return [] }
    return new.compactMap { segment in
      let rows = died.compactMap { segment.row(of: $0) }.sorted()
      return rows.isEmpty ? nil : (segment, rows)
    }
  }
}
