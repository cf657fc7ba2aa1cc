package import VecCore

/// Real queries that were asked of generations with one model version. No answer depends on them.
package struct CaptureRow: Sendable, Equatable {
  package var collection: UInt64
  /// Nil for generations that carry none.
  package var model: String?
  package var queries: QuerySample

  package init(collection: UInt64, model: String?, queries: QuerySample) {
    self.collection = collection
    self.model = model
    self.queries = queries
  }

  fileprivate var checksum: UInt32 {
    var writer = ByteWriter(reserving: 64 + 4 * queries.vectors.count)
    writer.write(collection)
    let name = Array((model ?? "").utf8)
    writer.write(UInt64(name.count))
    writer.write(array: name)
    writer.write(UInt64(queries.count))
    writer.write(array: queries.vectors)
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }
}

extension ManifestTransaction {
  /// Keeps the captured queries of a collection, in place of those it had.
  package func set(_ captures: [CaptureRow], of collection: UInt64) throws(VecError) {
    try addModels()
    try deleteCaptures(ofCollections: "(?)", .integer(Int64(bitPattern: collection)))
    for row in captures where row.queries.count > 0 {
      try connection.prepare(
        "INSERT INTO captures (collection_number, model, query_count, checksum, vectors) VALUES (?, ?, ?, ?, ?)"
      ).run(
        [
          .integer(Int64(bitPattern: collection)), .text(row.model ?? ""), .integer(Int64(row.queries.count)),
          .integer(Int64(row.checksum)),
        ], last: row.queries.vectors.withUnsafeBytes { [UInt8]($0) })
    }
  }
}

extension ManifestTransaction {
  /// What users asked is overwritten, not only given up.
  ///
  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteCaptures(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    try connection.execute("PRAGMA secure_delete=ON")
    defer { try? connection.execute("PRAGMA secure_delete=OFF") }
    try connection.prepare("DELETE FROM captures WHERE collection_number IN \(collections)").run([parameter])
  }
}

extension Manifest {
  /// The captured queries of a collection that pass their checksums, and how many rows of them do not.
  package func captures(of collection: CollectionRow) throws(VecError) -> (sound: [CaptureRow], damagedCount: Int) {
    guard try CatalogueReader(connection).hasModels() else { return ([], 0) }
    let statement = try connection.prepare(
      "SELECT model, query_count, checksum, vectors FROM captures WHERE collection_number = ? ORDER BY model")
    try statement.bind([.integer(Int64(bitPattern: collection.number))])
    let rows = try statement.rows(columns: 4)
    let sound = rows.compactMap { values -> CaptureRow? in
      guard case .text(let model) = values[0], case .integer(let count) = values[1], case .integer(let checksum) = values[2],
        case .blob(let bytes) = values[3], (1...Int64(Limits.capturedQueriesMax)).contains(count),
        bytes.count == Int(count) * collection.dimension * 4
      else { return nil }
      let vectors = bytes.withUnsafeBytes { bytes in
        (0..<(bytes.count / 4)).map { place in
          Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)))
        }
      }
      let row = CaptureRow(
        collection: collection.number, model: model.isEmpty ? nil : model,
        queries: QuerySample(dimension: collection.dimension, vectors: vectors))
      return Int64(row.checksum) == checksum ? row : nil
    }
    return (sound, rows.count - sound.count)
  }
}
