import VecAttributes
import VecCore
import VecStorage

/// What the rows of a segment have besides their vectors: attributes as columns in memory, payloads in the file, string ids
/// and the order of values in its mapping.
final class SegmentItems: Sendable {
  let columns: AttributeColumns
  /// The rows by their values, where the segment has that.
  let valueOrder: ValueOrder?
  let payloads: PayloadIndex?
  /// Nil unless the collection's items are known by texts.
  let stringIDs: StringIDColumn?
  private let reader: SectionReader?
  /// Holds the mapping.
  private let file: MappedSegment

  /// - Parameters:
  ///   - ids: of the segment.
  ///   - definitions: of the collection, at least those of the time when the segment was written.
  ///   - idKind: what the collection's items are known by.
  /// - Throws: `segment-damaged` when a section breaks the rules of its format; `io-error`.
  init(
    _ file: MappedSegment, ids: [UInt64], _ definitions: [AttributeDefinition], _ idKind: IDKind
  ) throws(VecError) {
    self.file = file
    do throws(VecError) {
      let rowCount = file.header.rowCount
      stringIDs = try Self.stringIDs(file, ids, idKind)
      let columns = try Self.columns(file, rowCount, definitions)
      self.columns = columns
      valueOrder = try file.valueOrder.map { (section) throws(VecError) in try ValueOrder(decoding: section, of: columns) }
      reader = file.reader(of: .payload)
      payloads = try reader.map { (reader) throws(VecError) in try Self.payloads(reader, rowCount) }
    } catch {
      throw VecError(error.code, "\(file.path): \(error.message)")
    }
  }

  private static func stringIDs(
    _ file: MappedSegment, _ ids: [UInt64], _ kind: IDKind
  ) throws(VecError) -> StringIDColumn? {
    guard let section = file.stringIDs else {
      guard kind == .number else { throw VecError(.segmentDamaged, "it has no string ids, by which its rows are known") }
      return nil
    }
    guard kind == .string else { throw VecError(.segmentDamaged, "it has string ids, its collection has none") }
    let column = try StringIDColumn(decoding: section, rowCount: ids.count)
    try column.check(ids)
    return column
  }

  private static func columns(
    _ file: MappedSegment, _ rowCount: Int, _ definitions: [AttributeDefinition]
  ) throws(VecError) -> AttributeColumns {
    guard let reader = file.reader(of: .attributes) else { return AttributeColumns(rowCount: rowCount) }
    let bytes = try reader.read([0..<reader.byteCount])[0]
    return try bytes.withUnsafeBufferPointer { (bytes) throws(VecError) in
      try AttributeColumns(
        decoding: UnsafeRawBufferPointer(bytes), rowCount: rowCount, definitions: definitions)
    }
  }

  private static func payloads(_ reader: SectionReader, _ rowCount: Int) throws(VecError) -> PayloadIndex {
    let headByteCount = PayloadIndex.headByteCount(rowCount: rowCount)
    guard headByteCount <= reader.byteCount else {
      throw VecError(.segmentDamaged, "section payload has \(reader.byteCount) bytes, its lengths alone \(headByteCount)")
    }
    let head = try reader.read([0..<headByteCount])[0]
    return try head.withUnsafeBufferPointer { (bytes) throws(VecError) in
      try PayloadIndex(
        decoding: UnsafeRawBufferPointer(bytes), rowCount: rowCount, sectionByteCount: reader.byteCount)
    }
  }

  /// Bytes of memory.
  var byteCount: Int { columns.byteCount + (payloads?.memoryByteCount ?? 0) + (reader?.memoryByteCount ?? 0) }

  /// The asked fields of some rows, in their order.
  ///
  /// - Parameter room: bytes that they may take, less what they take.
  func records(_ rows: [Int], _ fields: ItemFields, room: inout ReplyRoom) throws(VecError) -> [AttributeRecord] {
    var records: [AttributeRecord] = []
    records.reserveCapacity(rows.count)
    for row in rows {
      var record = fields.contains(.attributes) ? columns.record(row) : AttributeRecord()
      if fields.contains(.stringID) { record.stringID = stringIDs?[row] }
      try room.take(record.byteCount + (fields.contains(.payload) ? payloads?.range(of: row).count ?? 0 : 0))
      records.append(record)
    }
    // Read only now that it is known to fit.
    if fields.contains(.payload), let payloads = try payloads(of: rows) {
      for place in records.indices { records[place].payload = payloads[place] }
    }
    return records
  }

  /// Nil when no row has one.
  func payloads(of rows: [Int]) throws(VecError) -> [[UInt8]]? {
    guard let payloads, let reader else { return nil }
    return try reader.read(rows.map { payloads.range(of: $0) })
  }
}
