import VecCore

// Collections whose items are known by texts.
extension Manifest {
  /// The schema text, for the test that holds it equal to `Formats/manifest-string-ids.sql`.
  package static var stringIDsSchema: String { String(decoding: PackageResources.manifest_string_ids_sql, as: UTF8.self) }
}

extension ManifestTransaction {
  /// Brings a manifest of an older schema version to 6; nothing for one that is there already.
  private func addStringIDs() throws(VecError) {
    guard try !CatalogueReader(connection).hasStringIDs() else { return }
    // Version 6 has what version 5 has.
    try addBiases()
    try connection.execute(Manifest.stringIDsSchema)
    try connection.execute("PRAGMA user_version=6")
  }

  func insertStringIDs(of collection: UInt64) throws(VecError) {
    try addStringIDs()
    try connection.prepare("INSERT INTO string_id_collections (collection_number) VALUES (?)")
      .run([.integer(Int64(bitPattern: collection))])
    touched.insert(collection)
  }

  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteStringIDs(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasStringIDs() else { return }
    try connection.prepare("DELETE FROM string_id_collections WHERE collection_number IN \(collections)").run([parameter])
  }
}

extension CatalogueReader {
  /// Whether the manifest has the table of schema version 6.
  func hasStringIDs() throws(VecError) -> Bool { try has(table: "string_id_collections") }

  func stringIDCollections() throws(VecError) -> [UInt64] {
    try connection.prepare("SELECT collection_number FROM string_id_collections").rows(columns: 1).compactMap { values in
      guard case .integer(let number) = values[0] else { return nil }
      return UInt64(bitPattern: number)
    }
  }
}
