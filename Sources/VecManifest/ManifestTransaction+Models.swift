package import VecCore

// Model versions of generations, settings of collections.
extension Manifest {
  /// The schema text, for the test that holds it equal to `Formats/manifest-models.sql`.
  package static var modelsSchema: String { String(decoding: PackageResources.manifest_models_sql, as: UTF8.self) }
}

extension ManifestTransaction {
  /// Brings a manifest of an older schema version to 4; nothing for one that is there already.
  func addModels() throws(VecError) {
    guard try !CatalogueReader(connection).hasModels() else { return }
    // Version 4 has what version 3 has.
    try addAttributes()
    try addExclusions()
    try connection.execute(Manifest.modelsSchema)
    try connection.execute("PRAGMA user_version=4")
  }

  /// Notes which model made a new generation's vectors.
  func insertModel(of row: GenerationRow) throws(VecError) {
    guard let model = row.model else { return }
    try addModels()
    try connection.prepare("INSERT INTO models (generation_number, model) VALUES (?, ?)")
      .run([.integer(Int64(bitPattern: row.number)), .text(model)])
  }

  /// Writes the settings of a collection that are not the default, in place of those it had.
  package func set(_ settings: CollectionSettings, of collection: UInt64) throws(VecError) {
    try addModels()
    let number = SQLiteValue.integer(Int64(bitPattern: collection))
    try connection.prepare("DELETE FROM settings WHERE collection_number = ?").run([number])
    for (setting, value) in settings.rows {
      try connection.prepare("INSERT INTO settings (collection_number, setting, value) VALUES (?, ?, ?)")
        .run([number, .integer(Int64(setting)), .integer(value)])
    }
    touched.insert(collection)
  }

  /// - Parameter generations: SQL for a list of generation numbers with one parameter.
  func deleteModels(ofGenerations generations: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasModels() else { return }
    try connection.prepare("DELETE FROM models WHERE generation_number IN \(generations)").run([parameter])
  }

  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteSettings(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasModels() else { return }
    try connection.prepare("DELETE FROM settings WHERE collection_number IN \(collections)").run([parameter])
    try deleteCaptures(ofCollections: collections, parameter)
  }
}

extension CatalogueReader {
  /// Whether the manifest has the tables of schema version 4.
  func hasModels() throws(VecError) -> Bool { try has(table: "models") }

  func model(of generation: UInt64) throws(VecError) -> String? {
    let statement = try connection.prepare("SELECT model FROM models WHERE generation_number = ?")
    try statement.bind([.integer(Int64(bitPattern: generation))])
    guard case .text(let model)? = try statement.rows(columns: 1).first?.first else { return nil }
    return model
  }

  /// Of what a setting cannot hold, the collection's checksum tells: the default has another.
  func settings(of collection: UInt64) throws(VecError) -> CollectionSettings {
    let statement = try connection.prepare(
      "SELECT setting, value FROM settings WHERE collection_number = ? ORDER BY setting")
    try statement.bind([.integer(Int64(bitPattern: collection))])
    var settings = CollectionSettings()
    for values in try statement.rows(columns: 2) {
      guard case .integer(let setting) = values[0], case .integer(let value) = values[1] else { continue }
      settings.take(setting, value)
    }
    return settings
  }
}

extension CollectionSettings {
  /// Numbers and values of those that are not the default, ascending, as the manifest holds them.
  var rows: [(setting: UInt8, value: Int64)] {
    let change = asChange
    let rows: [(UInt8, Int64?)] = [
      (1, change.modelPolicy.map { Int64($0.rawValue) }), (2, change.capturedQueries.map { Int64($0) }),
      (3, change.gaugeShare.map { Int64($0.bitPattern) }),
    ]
    return rows.compactMap { setting, value in value.map { (setting, $0) } }
  }

  fileprivate mutating func take(_ setting: Int64, _ value: Int64) {
    switch setting {
    case 1: modelPolicy = UInt8(exactly: value).flatMap { ModelPolicy(rawValue: $0) } ?? modelPolicy
    case 2 where (0...Int64(Limits.capturedQueriesMax)).contains(value): capturedQueries = Int(value)
    case 3:
      let share = UInt32(exactly: value).map { Float(bitPattern: $0) } ?? 0
      if share >= 0, share <= 1 { gaugeShare = share }
    default: break
    }
  }
}
