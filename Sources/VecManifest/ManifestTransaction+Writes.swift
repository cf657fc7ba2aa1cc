package import VecCore

// Deltas, their writes, and dead rows.
extension ManifestTransaction {
  /// Brings a manifest of schema version 1 to 2; nothing for one that is there already.
  func addWrites() throws(VecError) {
    guard try !CatalogueReader(connection).hasWrites() else { return }
    try connection.execute(Manifest.writesSchema)
    try connection.execute("PRAGMA user_version=2")
  }

  /// Begins an empty delta.
  package func insert(_ row: DeltaRow, of collection: UInt64) throws(VecError) {
    try addWrites()
    try connection.execute(
      """
      CREATE TABLE \(Self.table(row.number)) (
        write_number INTEGER PRIMARY KEY NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, token BLOB NOT NULL,
        row_count INTEGER NOT NULL, content BLOB NOT NULL, checksum INTEGER NOT NULL
      ) STRICT
      """)
    try connection.prepare(
      """
      INSERT INTO deltas (delta_number, generation_number, write_count, last_sequence, chain, checksum)
      VALUES (?, ?, ?, ?, ?, ?)
      """
    ).run(Self.values(row))
    touched.insert(collection)
  }

  /// Adds a write to a delta and notes it in `row`, which `update` then puts into the manifest.
  package func append(_ write: LoggedWrite, to row: inout DeltaRow) throws(VecError) {
    if write.kind == .upsertWithRecords { try addAttributes() }
    row.writeCount += 1
    row.lastSequence = write.sequence
    row.chain = write.checksum(after: row.chain, delta: row.number, number: row.writeCount)
    try connection.prepare(
      """
      INSERT INTO \(Self.table(row.number)) (write_number, sequence, kind, token, row_count, checksum, content)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """
    ).run(
      [
        .integer(Int64(bitPattern: row.writeCount)), .integer(Int64(bitPattern: write.sequence)),
        .integer(Int64(write.kind.rawValue)), .blob(write.tokenBytes), .integer(Int64(write.rowCount)),
        .integer(Int64(row.chain)),
      ], last: write.content)
  }

  package func update(_ row: DeltaRow) throws(VecError) {
    try connection.prepare(
      "UPDATE deltas SET write_count = ?, last_sequence = ?, chain = ?, checksum = ? WHERE delta_number = ?"
    ).run(Array(Self.values(row)[2...]) + [.integer(Int64(bitPattern: row.number))])
  }

  /// Gives up the writes of a delta that come after the sound ones.
  package func cut(_ row: DeltaRow, to sound: DeltaRow) throws(VecError) {
    connection.forgetStatements(mentioning: Self.table(row.number))
    try connection.prepare("DELETE FROM \(Self.table(row.number)) WHERE write_number > ?")
      .run([.integer(Int64(bitPattern: sound.writeCount))])
    try update(sound)
  }

  /// Removes a delta with its writes: they are in a segment now, or nobody wants them.
  package func deleteDelta(_ number: UInt64, of collection: UInt64) throws(VecError) {
    try drop(number)
    try connection.prepare("DELETE FROM deltas WHERE delta_number = ?").run([.integer(Int64(bitPattern: number))])
    touched.insert(collection)
  }

  /// - Parameter rows: ascending, none of them in an earlier part.
  package func insertDeadRows(
    _ rows: [UInt32], part: UInt64, of segment: UUID, collection: UInt64
  ) throws(VecError) {
    try addWrites()
    try connection.prepare(
      "INSERT INTO dead_rows (segment_uuid, part, row_count, checksum, rows) VALUES (?, ?, ?, ?, ?)"
    ).run(
      [
        .blob(segment.bytes), .integer(Int64(bitPattern: part)), .integer(Int64(rows.count)),
        .integer(Int64(DeadRowsRow.checksum(segment, part: part, rows: rows))),
      ], last: rows.withUnsafeBytes { [UInt8]($0) })
    touched.insert(collection)
  }

  /// Keeps the real queries that a generation was built with. A manifest of schema version 1 has no place for them.
  package func setSample(_ vectors: [Float], dimension: Int, of generation: UInt64) throws(VecError) {
    guard try CatalogueReader(connection).hasWrites() else { return }
    let most = min(Limits.sampleQueriesKept, Limits.upsertBytesMax / (4 * dimension))
    let kept = Array(vectors.suffix(most * dimension))
    let count = UInt64(kept.count / dimension)
    try connection.prepare(
      "INSERT OR REPLACE INTO samples (generation_number, query_count, checksum, vectors) VALUES (?, ?, ?, ?)"
    ).run(
      [
        .integer(Int64(bitPattern: generation)), .integer(Int64(bitPattern: count)),
        .integer(Int64(Manifest.sampleChecksum(generation, count, kept))),
      ], last: kept.withUnsafeBytes { [UInt8]($0) })
  }

  /// Gives up a part of dead rows: they count again.
  package func deleteDeadRows(_ row: DeadRowsRow, of collection: UInt64) throws(VecError) {
    try connection.prepare("DELETE FROM dead_rows WHERE segment_uuid = ? AND part = ?")
      .run([.blob(row.segment.bytes), .integer(Int64(bitPattern: row.part))])
    touched.insert(collection)
  }

  func deleteDeadRows(of segment: UUID) throws(VecError) {
    guard try CatalogueReader(connection).hasWrites() else { return }
    try connection.prepare("DELETE FROM dead_rows WHERE segment_uuid = ?").run([.blob(segment.bytes)])
  }

  /// - Parameter generations: SQL for a list of generation numbers with one parameter.
  func deleteWrites(ofGenerations generations: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasWrites() else { return }
    try connection.prepare(
      """
      DELETE FROM dead_rows WHERE segment_uuid IN
        (SELECT segment_uuid FROM segments WHERE generation_number IN \(generations))
      """
    ).run([parameter])
    let statement = try connection.prepare("SELECT delta_number FROM deltas WHERE generation_number IN \(generations)")
    try statement.bind([parameter])
    for row in try statement.rows(columns: 1) {
      guard case .integer(let number) = row[0] else { continue }
      try drop(UInt64(bitPattern: number))
    }
    try connection.prepare("DELETE FROM deltas WHERE generation_number IN \(generations)").run([parameter])
    try connection.prepare("DELETE FROM samples WHERE generation_number IN \(generations)").run([parameter])
  }

  private func drop(_ number: UInt64) throws(VecError) {
    connection.forgetStatements(mentioning: Self.table(number))
    try connection.execute("DROP TABLE IF EXISTS \(Self.table(number))")
  }

  static func table(_ number: UInt64) -> String { "writes_\(number)" }

  private static func values(_ row: DeltaRow) -> [SQLiteValue] {
    [
      .integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.generation)),
      .integer(Int64(bitPattern: row.writeCount)), .integer(Int64(bitPattern: row.lastSequence)),
      .integer(Int64(row.chain)), .integer(Int64(row.checksum)),
    ]
  }
}
