import VecAttributes
import VecCore
import VecManifest
import VecStorage

/// The texts that the rows of a new segment are known by.
struct StringIDSection {
  var lengths: [UInt16]
  /// Hands out the texts of all rows, in order, to the closure it is given.
  var eachText: ((UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) -> Void

  func write(to writer: SegmentWriter) throws(VecError) {
    try writer.writeSection(.stringIDs) { (append) throws(VecError) in
      let head = StringIDColumn.encodeHead(lengths: lengths)
      try head.withUnsafeBufferPointer { (bytes) throws(VecError) in try append(UnsafeRawBufferPointer(bytes)) }
      try eachText(append)
    }
  }

  /// Rows of other segments in a new order.
  init(_ places: [AttributeColumns.Place], from sources: [StringIDColumn]) {
    lengths = places.map { UInt16(clamping: sources[$0.source].length($0.row)) }
    eachText = { (append) throws(VecError) in
      for place in places { try append(sources[place.source].bytes(of: place.row)) }
    }
  }

  init(lengths: [UInt16], spool: RowSpool) {
    self.lengths = lengths
    eachText = { (append) throws(VecError) in try spool.readBack { (bytes) throws(VecError) in try append(bytes) } }
  }
}

/// The texts of an ingest, row by row, while it is open: in a file, 2 bytes of memory per row.
struct StringIDCollector {
  private let spool: RowSpool
  private var lengths: [UInt16] = []

  init(spool: RowSpool) { self.spool = spool }

  /// - Parameter records: one for each of the next rows, which passed `AttributeRecord.check(id:_:)`.
  mutating func append(_ records: [AttributeRecord]) throws(VecError) {
    for record in records {
      let text = Array((record.stringID?.text ?? "").utf8)
      try text.withUnsafeBufferPointer { (bytes) throws(VecError) in try spool.append(UnsafeRawBufferPointer(bytes)) }
      lengths.append(UInt16(clamping: text.count))
    }
  }

  func section() -> StringIDSection { StringIDSection(lengths: lengths, spool: spool) }

  /// Of one id in two rows: whether it is one text or two of the same hash.
  func duplicate(of ids: [UInt64]) throws(VecError) -> VecError? {
    let order = ids.indices.sorted { (ids[$0], $0) < (ids[$1], $1) }
    guard let place = order.indices.dropFirst().first(where: { ids[order[$0 - 1]] == ids[order[$0]] }) else { return nil }
    let (first, second) = (order[place - 1], order[place])
    let (one, other) = (try text(first), try text(second))
    guard one == other else { return StringID.collision(one.text, other.text) }
    return VecError(
      .duplicateId,
      "string id \(Names.quoted(one.text)) stands in row \(first) and in row \(second); every id must be there once")
  }

  /// Reads the file from its start: for messages.
  private func text(_ row: Int) throws(VecError) -> Keyword {
    let start = lengths[..<row].reduce(0) { $0 + Int($1) }
    var seen = 0
    var found: [UInt8] = []
    try spool.readBack { (bytes) throws(VecError) in
      let from = max(start, seen)
      let to = min(start + Int(lengths[row]), seen + bytes.count)
      if from < to { found.append(contentsOf: bytes[(from - seen)..<(to - seen)]) }
      seen += bytes.count
    }
    return Keyword(String(decoding: found, as: UTF8.self))
  }
}

extension WriteState {
  /// The text that the row is known by which counts for an id; nil when there is none.
  ///
  /// - Throws: `segment-damaged` when the disk did not deliver it.
  func stringID(of id: UInt64, _ segments: [SegmentHandle]) throws(VecError) -> Keyword? {
    if let place = places[id] { return deltas.first { $0.row.number == place.delta }?.record(place.row).stringID }
    for segment in segments.reversed() {
      guard let row = segment.row(of: id), live[segment.row.uuid]?.contains(row) ?? true else { continue }
      let text = segment.items.stringIDs?[row]
      guard !segment.file.isUnreadable else { throw segment.unreadable }
      return text
    }
    return nil
  }
}
