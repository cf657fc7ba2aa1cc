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
    var places: [(segment: Int, row: Int, place: Int)] = []
    for (place, id) in ids.enumerated() {
      if let (part, row) = recent[id] {
        records[place] = delta[part].block.record(row).only(fields)
        try room.take(records[place].byteCount)
      } else if let (segment, row) = segmentRow(of: id) {
        places.append((segment, row, place))
      }
    }
    for (number, own) in Dictionary(grouping: places, by: \.segment) {
      let found = try segments[number].items.records(own.map(\.row), fields, room: &room)
      for (one, record) in zip(own, found) { records[one.place] = record }
    }
    return records
  }

  /// The value of the attribute at a position for each id; nil for an item without one.
  func values(of ids: [UInt64], at position: Int) -> [AttributeValue?] {
    let recent = deltaRows(of: ids)
    return ids.map { id in
      if let (part, row) = recent[id] { return delta[part].block.record(row)[position] }
      return segmentRow(of: id).flatMap { segments[$0.segment].items.columns.value($0.row, at: position) }
    }
  }

  /// Where in the segments an id's row is that counts.
  func segmentRow(of id: UInt64) -> (segment: Int, row: Int)? {
    for (number, segment) in segments.enumerated() {
      guard let row = segment.row(of: id), live[segment.row.uuid]?.contains(row) ?? true else { continue }
      return (number, row)
    }
    return nil
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
