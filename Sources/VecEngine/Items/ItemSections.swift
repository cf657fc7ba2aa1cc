import VecAttributes
import VecCore
import VecStorage

/// The sections of a new segment that hold what items have besides vectors. What no row has is left out.
struct ItemSections {
  var columns: AttributeColumns?
  var payloads: PayloadIndex?
  /// Hands out the payloads of all rows, in order, to the closure it is given.
  var eachPayload: ((UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) -> Void = { (_) in }
  /// Of collections whose items are known by texts.
  var stringIDs: StringIDSection?

  static var none: ItemSections { ItemSections() }

  func write(to writer: SegmentWriter) throws(VecError) {
    if let columns, !columns.isEmpty { try writer.writeSection(.attributes, columns.encode()) }
    if let payloads, !payloads.isEmpty {
      try writer.writeSection(.payload) { (append) throws(VecError) in
        let head = payloads.encodeHead()
        try head.withUnsafeBufferPointer { (bytes) throws(VecError) in try append(UnsafeRawBufferPointer(bytes)) }
        try eachPayload(append)
      }
    }
    try stringIDs?.write(to: writer)
    guard let order = columns.map({ ValueOrderWriter($0) }), !order.isEmpty else { return }
    try writer.writeSection(.valueOrder) { (append) throws(VecError) in try order.write(append) }
  }
}

/// What comes with the rows of an ingest, row by row, while it is open: values become columns in memory, payloads go to a
/// file.
struct ItemCollector {
  private let definitions: [AttributeDefinition]
  private let idKind: IDKind
  private let makeSpool: () throws(VecError) -> RowSpool
  private var rowCount = 0
  /// Nil as long as no row has a value.
  private var builder: AttributeColumnsBuilder?
  /// Of each row; empty as long as no row has a payload.
  private var lengths: [UInt32] = []
  private var spool: RowSpool?
  /// Nil unless items are known by texts.
  private var stringIDs: StringIDCollector?

  /// - Parameter makeSpool: called when the first payload or string id comes.
  init(
    _ definitions: [AttributeDefinition], ids: IDKind = .number, makeSpool: @escaping () throws(VecError) -> RowSpool
  ) {
    self.definitions = definitions
    self.makeSpool = makeSpool
    idKind = ids
  }

  /// Takes the next rows.
  ///
  /// - Parameters:
  ///   - records: one per row, or none at all.
  ///   - ids: of the rows.
  /// - Throws: what `AttributeRecord.check` finds, with the row.
  mutating func append(_ records: [AttributeRecord], ids: [UInt64]) throws(VecError) {
    let rows = ids.count
    guard records.isEmpty || records.count == rows else {
      throw VecError(.invalidArgument, "\(rows) rows with \(records.count) records: give one for each row, or none")
    }
    try check(records, ids)
    if builder == nil, records.contains(where: \.hasValues) { builder = try emptyRows(rowCount) }
    if builder != nil {
      for row in 0..<rows { try builder?.append(records.isEmpty ? AttributeRecord() : records[row]) }
    }
    try take(payloads: records, rows: rows)
    if idKind == .string {
      if stringIDs == nil { stringIDs = StringIDCollector(spool: try makeSpool()) }
      try stringIDs?.append(records)
    }
    rowCount += rows
  }

  private func check(_ records: [AttributeRecord], _ ids: [UInt64]) throws(VecError) {
    if records.isEmpty, idKind == .string, let id = ids.first {
      do throws(VecError) { try AttributeRecord().check(id: id, .string) } catch {
        throw VecError(error.code, "row \(rowCount): \(error.message)")
      }
    }
    for (place, record) in records.enumerated() {
      do throws(VecError) {
        try record.check(definitions)
        try record.check(id: ids[place], idKind)
      } catch {
        throw VecError(error.code, "row \(rowCount + place): \(error.message)")
      }
    }
  }

  /// What to say of an id that stands in two rows.
  func naming(_ error: VecError, _ ids: [UInt64]) -> VecError {
    guard error.code == .duplicateId, let stringIDs else { return error }
    return (try? stringIDs.duplicate(of: ids)) ?? error
  }

  private func emptyRows(_ count: Int) throws(VecError) -> AttributeColumnsBuilder {
    var builder = AttributeColumnsBuilder(definitions)
    for _ in 0..<count { try builder.append(AttributeRecord()) }
    return builder
  }

  private mutating func take(payloads records: [AttributeRecord], rows: Int) throws(VecError) {
    if spool == nil, records.contains(where: { !$0.payload.isEmpty }) {
      spool = try makeSpool()
      lengths = [UInt32](repeating: 0, count: rowCount)
    }
    guard let spool else { return }
    for row in 0..<rows {
      let payload = records.isEmpty ? [] : records[row].payload
      lengths.append(UInt32(clamping: payload.count))
      guard !payload.isEmpty else { continue }
      try payload.withUnsafeBufferPointer { (bytes) throws(VecError) in try spool.append(UnsafeRawBufferPointer(bytes)) }
    }
  }

  /// Of all rows taken.
  func sections() -> ItemSections {
    var sections = ItemSections(columns: builder?.finish(), stringIDs: stringIDs?.section())
    guard let spool else { return sections }
    sections.payloads = PayloadIndex(lengths: lengths)
    sections.eachPayload = { (append) throws(VecError) in try spool.readBack { (bytes) throws(VecError) in try append(bytes) } }
    return sections
  }
}

extension ItemSections {
  /// Rows of other segments in a new order.
  ///
  /// - Parameters:
  ///   - starts: the first row of each source, counted over all of them.
  ///   - order: rows counted over all sources, all or some; nil for all as they are.
  init(_ sources: [SegmentItems], starts: [Int], order: [UInt32]?) throws(VecError) {
    guard sources.contains(where: { !$0.columns.isEmpty || $0.payloads != nil || $0.stringIDs != nil }) else { return }
    let total = sources.reduce(0) { $0 + $1.columns.rowCount }
    let places = (0..<(order?.count ?? total)).map { place -> AttributeColumns.Place in
      let row = order.map { Int($0[place]) } ?? place
      let source = starts.lastIndex { $0 <= row } ?? 0
      return .init(source: source, row: row - starts[source])
    }
    let texts = sources.compactMap(\.stringIDs)
    if texts.count == sources.count { stringIDs = StringIDSection(places, from: texts) }
    if sources.contains(where: { !$0.columns.isEmpty }) {
      columns = try AttributeColumns(gathering: places, from: sources.map(\.columns))
    }
    guard sources.contains(where: { $0.payloads != nil }) else { return }
    let lengths = places.map { sources[$0.source].payloads?.range(of: $0.row).count ?? 0 }
    payloads = PayloadIndex(lengths: lengths.map { UInt32(clamping: $0) })
    eachPayload = { (append) throws(VecError) in
      try Self.copyPayloads(places, lengths, sources, append)
    }
  }

  /// In pieces of some bytes, so that a block of a source is read once for many rows.
  private static func copyPayloads(
    _ places: [AttributeColumns.Place], _ lengths: [Int], _ sources: [SegmentItems],
    _ append: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    var first = 0
    while first < places.count {
      var end = first
      var byteCount = 0
      while end < places.count, end - first < 65_536, byteCount < 16 << 20 {
        byteCount += lengths[end]
        end += 1
      }
      var piece = [[UInt8]](repeating: [], count: end - first)
      for (number, source) in sources.enumerated() {
        let own = (first..<end).filter { places[$0].source == number }
        guard let payloads = try source.payloads(of: own.map { places[$0].row }) else { continue }
        for (place, payload) in zip(own, payloads) { piece[place - first] = payload }
      }
      for payload in piece where !payload.isEmpty {
        try payload.withUnsafeBufferPointer { (bytes) throws(VecError) in try append(UnsafeRawBufferPointer(bytes)) }
      }
      first = end
    }
  }
}
