package import VecCore

// The attributes of collections.
extension ManifestTransaction {
  /// Brings a manifest of an older schema version to 3; nothing for one that is there already.
  func addAttributes() throws(VecError) {
    guard try !CatalogueReader(connection).hasAttributes() else { return }
    try addWrites()
    try connection.execute(Manifest.attributesSchema)
    try connection.execute("PRAGMA user_version=3")
  }

  /// Adds attributes of a collection, the first of them at a position.
  package func insert(
    _ attributes: [AttributeDefinition], from position: Int, of collection: UInt64
  ) throws(VecError) {
    guard !attributes.isEmpty else { return }
    try addAttributes()
    for (place, attribute) in attributes.enumerated() {
      try connection.prepare("INSERT INTO attributes (collection_number, position, name, type) VALUES (?, ?, ?, ?)")
        .run([
          .integer(Int64(bitPattern: collection)), .integer(Int64(position + place)), .text(attribute.name),
          .text(attribute.type.name),
        ])
    }
    touched.insert(collection)
  }

  /// - Parameter collections: SQL for a list of collection numbers with one parameter.
  func deleteAttributes(ofCollections collections: String, _ parameter: SQLiteValue) throws(VecError) {
    guard try CatalogueReader(connection).hasAttributes() else { return }
    try connection.prepare("DELETE FROM attributes WHERE collection_number IN \(collections)").run([parameter])
  }
}

extension CatalogueReader {
  /// Whether the manifest has the tables of schema version 3.
  func hasAttributes() throws(VecError) -> Bool {
    try !connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'attributes'").rows(columns: 1).isEmpty
  }

  /// In the order of their positions, as far as these go without a gap: the collection's checksum vouches for the rest.
  func attributes(of collection: UInt64) throws(VecError) -> [AttributeDefinition] {
    let statement = try connection.prepare(
      "SELECT position, name, type FROM attributes WHERE collection_number = ? ORDER BY position")
    try statement.bind([.integer(Int64(bitPattern: collection))])
    var attributes: [AttributeDefinition] = []
    for values in try statement.rows(columns: 3) {
      guard case .integer(let position) = values[0], position == attributes.count, case .text(let name) = values[1],
        case .text(let typeName) = values[2], let type = AttributeType(name: typeName)
      else { break }
      attributes.append(AttributeDefinition(name: name, type: type))
    }
    return attributes
  }
}
