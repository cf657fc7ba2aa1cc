package import VecCore
import VecKernels
import VecManifest

/// One write of the group that `Engine.write` commits together.
package enum Write: Sendable, Equatable {
  case upsert(UpsertRequest)
  case delete(DeleteRequest)

  /// Where it goes, and what it is known by.
  var address: (collection: String, generation: String?, token: WriteToken?) {
    switch self {
    case .upsert(let upsert): (upsert.collection, upsert.generation, upsert.token)
    case .delete(let delete): (delete.collection, delete.generation, delete.token)
    }
  }

  /// Version of the model that made its vectors, if it has any and says so.
  var model: String? {
    if case .upsert(let upsert) = self { upsert.model } else { nil }
  }

  /// Everything that can be wrong with it is found here, before anything of it is logged.
  func check(_ collection: CollectionRow) throws(VecError) {
    switch self {
    case .delete(let delete): try Limits.check(delete.ids.count, 1...Limits.deleteIdsMax, "the number of ids in one delete")
    case .upsert(let upsert): try Self.check(upsert, collection)
    }
  }

  private static func check(_ upsert: UpsertRequest, _ collection: CollectionRow) throws(VecError) {
    guard upsert.dimension == collection.dimension else {
      throw VecError(
        .dimensionMismatch,
        "vectors of dimension \(upsert.dimension), collection \(collection.name) has \(collection.dimension)")
    }
    try Limits.check(upsert.ids.count, 1...Limits.upsertRowsMax, "the number of rows in one upsert")
    guard upsert.vectors.count == upsert.ids.count * upsert.dimension else {
      throw VecError(
        .invalidArgument,
        "\(upsert.ids.count) ids with \(upsert.vectors.count) values: each id has \(upsert.dimension) of them")
    }
    let byteCount = upsert.ids.count * (8 + 4 * upsert.dimension)
    guard byteCount <= Limits.upsertBytesMax else {
      throw VecError(
        .limitExceeded,
        "\(upsert.ids.count) rows of dimension \(upsert.dimension) take \(byteCount) bytes, an upsert at most "
          + "\(Limits.upsertBytesMax): send at most \(Limits.upsertBytesMax / (8 + 4 * upsert.dimension)) at once")
    }
    try upsert.vectors.withUnsafeBufferPointer { (rows) throws(VecError) in
      try RowCheck.check(
        RowInspection(rows: rows, dimension: upsert.dimension), rows: rows, dimension: upsert.dimension,
        metric: collection.metric, before: 0)
    }
    if let model = upsert.model { try Names.checkModel(model) }
    try check(upsert.records, ids: upsert.ids, collection)
  }

  private static func check(
    _ records: [AttributeRecord], ids: [UInt64], _ collection: CollectionRow
  ) throws(VecError) {
    let rows = ids.count
    guard records.isEmpty || records.count == rows else {
      throw VecError(.invalidArgument, "\(rows) ids with \(records.count) records: give one for each, or none")
    }
    let byteCount = records.reduce(0) { $0 + $1.byteCount }
    try Limits.check(
      byteCount, 0...Limits.upsertRecordBytesMax, "the bytes of the attributes and payloads of an upsert")
    if records.isEmpty, let id = ids.first { try AttributeRecord().check(id: id, collection.ids) }
    for (row, record) in records.enumerated() {
      do throws(VecError) {
        try record.check(collection.attributes)
        try record.check(id: ids[row], collection.ids)
      } catch {
        throw VecError(error.code, "row \(row): \(error.message)")
      }
    }
  }

  func logged(_ sequence: UInt64) -> LoggedWrite {
    switch self {
    case .delete(let delete):
      var content = ByteWriter(reserving: 8 * delete.ids.count)
      content.write(array: delete.ids)
      return LoggedWrite(
        sequence: sequence, kind: .delete, token: delete.token, rowCount: delete.ids.count, content: content.bytes)
    case .upsert(let upsert):
      var content = ByteWriter(reserving: 8 * upsert.ids.count + 4 * upsert.vectors.count)
      content.write(array: upsert.ids)
      content.write(array: upsert.vectors)
      let hasRecords = upsert.records.contains { !$0.isEmpty }
      if hasRecords { AttributeRecord.write(upsert.records, to: &content) }
      return LoggedWrite(
        sequence: sequence, kind: hasRecords ? .upsertWithRecords : .upsert, token: upsert.token,
        rowCount: upsert.ids.count, content: content.bytes)
    }
  }
}
