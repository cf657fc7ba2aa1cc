package import VecCore

// Named sets of excluded ids.
extension Manifest {
  /// The schema text, for the test that holds it equal to `Formats/manifest-exclusions.sql`.
  package static var exclusionsSchema: String {
    String(decoding: PackageResources.manifest_exclusions_sql, as: UTF8.self)
  }

  /// As `log`, for changes of exclude sets; a manifest of an older schema gets their tables first.
  package func logExclusions<T>(
    byteCount: Int, makingRoom: Bool, _ body: (ManifestTransaction) throws(VecError) -> T
  ) throws(VecError) -> T {
    if try !CatalogueReader(connection).hasExclusions() {
      try transaction { (transaction) throws(VecError) in try transaction.addExclusions() }
    }
    return try log(byteCount: byteCount, makingRoom: makingRoom, body)
  }
}

extension CatalogueReader {
  /// Whether the manifest has the tables of exclude sets. Nothing else vouches for them, so every place that names one is
  /// looked at: a flipped bit in one of these names must not make all sets seem to have never been.
  func hasExclusions() throws(VecError) -> Bool {
    try !connection.prepare(
      """
      SELECT 1 FROM sqlite_schema WHERE name IN ('exclusion_sets', 'exclusion_parts')
        OR tbl_name IN ('exclusion_sets', 'exclusion_parts') OR sql LIKE '%TABLE exclusion_%'
      """
    ).rows(columns: 1).isEmpty
  }
}

extension ManifestTransaction {
  /// Brings a manifest to schema version 3 as far as exclude sets need it; nothing for one that has their tables.
  func addExclusions() throws(VecError) {
    guard try !CatalogueReader(connection).hasExclusions() else { return }
    // Version 3 has what version 2 has.
    try addWrites()
    try connection.execute(Manifest.exclusionsSchema)
    try connection.execute("PRAGMA user_version=3")
  }

  /// Writes the last part of a set, which `row` counts already.
  package func append(_ part: ExclusionPart, of row: ExclusionSetRow) throws(VecError) {
    try connection.prepare(
      """
      INSERT INTO exclusion_parts
        (set_number, part, collection_number, name, appended_at, id_count, checksum, content)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).run(
      [
        .integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.lastPart)),
        .integer(Int64(bitPattern: row.collection)), .text(row.name), .integer(part.appendedAt),
        .integer(Int64(part.ids.count)), .integer(Int64(row.chain)),
      ], last: part.content)
    try connection.prepare(
      """
      INSERT OR REPLACE INTO exclusion_sets
        (set_number, collection_number, name, first_part, last_part, chain, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """
    ).run([
      .integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.collection)), .text(row.name),
      .integer(Int64(bitPattern: row.firstPart)), .integer(Int64(bitPattern: row.lastPart)), .integer(Int64(row.chain)),
      .integer(Int64(row.checksum)),
    ])
  }

  /// Removes the parts of a set that come before the first one that it counts.
  package func deletePartsBeforeFirst(of row: ExclusionSetRow) throws(VecError) {
    try connection.prepare("DELETE FROM exclusion_parts WHERE set_number = ? AND part < ?")
      .run([.integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.firstPart))])
  }

  /// Removes a set, sound or damaged.
  package func deleteExclusionSet(_ number: UInt64) throws(VecError) {
    for table in ["exclusion_parts", "exclusion_sets"] {
      try connection.prepare("DELETE FROM \(table) WHERE set_number = ?").run([.integer(Int64(bitPattern: number))])
    }
  }

  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteExclusions(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasExclusions() else { return }
    for table in ["exclusion_parts", "exclusion_sets"] {
      try connection.prepare("DELETE FROM \(table) WHERE collection_number IN \(collections)").run([parameter])
    }
  }
}
