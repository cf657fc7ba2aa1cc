package import VecCore

// Named sets of ids: excluded ones, and biased ones.
extension Manifest {
  /// The schema text, for the test that holds it equal to `Formats/manifest-exclusions.sql`.
  package static var exclusionsSchema: String {
    String(decoding: PackageResources.manifest_exclusions_sql, as: UTF8.self)
  }

  /// The same of `Formats/manifest-biases.sql`.
  package static var biasesSchema: String { String(decoding: PackageResources.manifest_biases_sql, as: UTF8.self) }

  /// As `log`, for changes of named sets; a manifest of an older schema gets their tables first.
  package func logSets<T>(
    _ kind: NamedSetKind, byteCount: Int, makingRoom: Bool, _ body: (ManifestTransaction) throws(VecError) -> T
  ) throws(VecError) -> T {
    if try !CatalogueReader(connection).hasSets(kind) {
      try transaction { (transaction) throws(VecError) in
        switch kind {
        case .exclusions: try transaction.addExclusions()
        case .biases: try transaction.addBiases()
        }
      }
    }
    return try log(byteCount: byteCount, makingRoom: makingRoom, body)
  }
}

extension CatalogueReader {
  /// Whether the manifest has the tables of such sets. Nothing else vouches for them, so every place that names one is
  /// looked at: a flipped bit in one of these names must not make all sets seem to have never been.
  func hasSets(_ kind: NamedSetKind) throws(VecError) -> Bool {
    let names = "('\(kind.sets)', '\(kind.parts)')"
    return try !connection.prepare(
      """
      SELECT 1 FROM sqlite_schema WHERE name IN \(names) OR tbl_name IN \(names)
        OR sql LIKE '%TABLE \(kind.sets)%' OR sql LIKE '%TABLE \(kind.parts)%'
      """
    ).rows(columns: 1).isEmpty
  }
}

extension ManifestTransaction {
  /// Brings a manifest to schema version 3 as far as exclude sets need it; nothing for one that has their tables.
  func addExclusions() throws(VecError) {
    guard try !CatalogueReader(connection).hasSets(.exclusions) else { return }
    // Version 3 has what version 2 has.
    try addWrites()
    try connection.execute(Manifest.exclusionsSchema)
    try connection.execute("PRAGMA user_version=3")
  }

  /// Brings a manifest of an older schema version to 5; nothing for one that is there already.
  func addBiases() throws(VecError) {
    guard try !CatalogueReader(connection).hasSets(.biases) else { return }
    // Version 5 has what version 4 has.
    try addModels()
    try connection.execute(Manifest.biasesSchema)
    try connection.execute("PRAGMA user_version=5")
  }

  /// Writes the last part of a set, which `row` counts already.
  package func append(_ part: NamedSetPart, of row: NamedSetRow, _ kind: NamedSetKind) throws(VecError) {
    try connection.prepare(
      """
      INSERT INTO \(kind.parts)
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
      INSERT OR REPLACE INTO \(kind.sets)
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
  package func deletePartsBeforeFirst(of row: NamedSetRow, _ kind: NamedSetKind) throws(VecError) {
    try connection.prepare("DELETE FROM \(kind.parts) WHERE set_number = ? AND part < ?")
      .run([.integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.firstPart))])
  }

  /// Removes a set, sound or damaged.
  package func deleteSet(_ number: UInt64, _ kind: NamedSetKind) throws(VecError) {
    for table in [kind.parts, kind.sets] {
      try connection.prepare("DELETE FROM \(table) WHERE set_number = ?").run([.integer(Int64(bitPattern: number))])
    }
  }

  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteSets(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    for kind in NamedSetKind.allCases where try CatalogueReader(connection).hasSets(kind) {
      for table in [kind.parts, kind.sets] {
        try connection.prepare("DELETE FROM \(table) WHERE collection_number IN \(collections)").run([parameter])
      }
    }
  }
}
