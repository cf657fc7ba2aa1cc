import VecAttributes
import VecCore
import VecManifest

extension Generation {
  /// What items have besides their vectors, as far as asked for, in the order of the ids; without anything for an id that is
  /// not there.
  ///
  /// - Throws: `limit-exceeded` when they do not fit a reply.
  func records(of ids: [UInt64], _ fields: ItemFields) throws(VecError) -> [AttributeRecord] {
    var room = ReplyRoom()
    var records = [AttributeRecord](repeating: AttributeRecord(), count: ids.count)
    let recent = deltaRows(of: ids)
    var own = [[(place: Int, row: Int)]](repeating: [], count: segments.count)
    for (place, found) in segmentRows(of: ids).enumerated() {
      if let (part, row) = recent[ids[place]] {
        records[place] = delta[part].block.record(row).only(fields)
        try room.take(records[place].byteCount)
      } else if let (segment, row) = found {
        own[segment].append((place, row))
      }
    }
    for (segment, own) in zip(segments, own) where !own.isEmpty {
      let found = try segment.items.records(own.map(\.row), fields, room: &room)
      for (one, record) in zip(own, found) { records[one.place] = record }
    }
    return records
  }

  /// The value of the attribute at a position for each id; nil for an item without one.
  func values(of ids: [UInt64], at position: Int) -> [AttributeValue?] {
    let recent = deltaRows(of: ids)
    return zip(ids, segmentRows(of: ids)).map { id, found in
      if let (part, row) = recent[id] { return delta[part].block.record(row)[position] }
      return found.flatMap { segments[$0.segment].items.columns.value($0.row, at: position) }
    }
  }

  /// Where in the segments the rows of ids are that count.
  func segmentRows(of ids: [UInt64]) -> [(segment: Int, row: Int)?] {
    var found = [(segment: Int, row: Int)?](repeating: nil, count: ids.count)
    for (number, segment) in segments.enumerated() {
      let live = live[segment.row.uuid]
      for (place, row) in segment.rows(of: ids).enumerated() where row >= 0 && live?.contains(row) ?? true {
        found[place] = (number, row)
      }
    }
    return found
  }
}

/// What the fields of one reply may take: beyond it they would not fit a frame, and are not even gathered.
struct ReplyRoom {
  private var byteCount = Limits.frameBodyBytesMax

  mutating func take(_ count: Int) throws(VecError) {
    byteCount -= count
    guard byteCount >= 0 else {
      throw VecError(
        .limitExceeded,
        "the attributes and payloads asked for do not fit a reply of \(Limits.frameBodyBytesMax) bytes: ask for fewer results "
          + "at once, or for fewer fields")
    }
  }
}
