package import VecCore

/// The writes of one manifest transaction. Whatever collection it touches gets its checksum anew before the commit.
package final class ManifestTransaction {
  let connection: SQLiteConnection
  /// Collections whose checksum is out of date.
  var touched: Set<UInt64> = []
  private var isListChanged = false

  init(_ connection: SQLiteConnection) { self.connection = connection }

  package func insert(_ row: CollectionRow) throws(VecError) {
    try connection.prepare(
      """
      INSERT INTO collections
        (collection_number, name, dimension, metric, created_at, sequence, live_generation, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, 0)
      """
    ).run([
      .integer(Int64(bitPattern: row.number)), .text(row.name), .integer(Int64(row.dimension)), .text(row.metric.name),
      .integer(row.createdAt), .integer(Int64(bitPattern: row.sequence)), Self.value(row.liveGeneration),
    ])
    touched.insert(row.number)
    try insert(row.attributes, from: 0, of: row.number)
    if !row.settings.rows.isEmpty { try set(row.settings, of: row.number) }
    if row.ids == .string { try insertStringIDs(of: row.number) }
  }

  /// Writes sequence and live generation, the two columns that change.
  package func update(_ row: CollectionRow) throws(VecError) {
    try connection.prepare(
      "UPDATE collections SET sequence = ?, live_generation = ? WHERE collection_number = ?"
    ).run([
      .integer(Int64(bitPattern: row.sequence)), Self.value(row.liveGeneration),
      .integer(Int64(bitPattern: row.number)),
    ])
    touched.insert(row.number)
  }

  /// Removes a collection with its generations and segments, sound or damaged.
  package func deleteCollection(named name: String) throws(VecError) {
    let numbers = "(SELECT collection_number FROM collections WHERE name = ?)"
    let generations = "(SELECT generation_number FROM generations WHERE collection_number IN \(numbers))"
    try deleteWrites(ofGenerations: generations, .text(name))
    try deleteSets(ofCollections: numbers, .text(name))
    try deleteModels(ofGenerations: generations, .text(name))
    try deleteSettings(ofCollections: numbers, .text(name))
    try connection.prepare("DELETE FROM segments WHERE generation_number IN \(generations)").run([.text(name)])
    try connection.prepare("DELETE FROM generations WHERE collection_number IN \(numbers)").run([.text(name)])
    try deleteAttributes(ofCollections: numbers, .text(name))
    try deleteStringIDs(ofCollections: numbers, .text(name))
    try connection.prepare("DELETE FROM collections WHERE name = ?").run([.text(name)])
    isListChanged = true
  }

  package func insert(_ row: GenerationRow) throws(VecError) {
    try connection.prepare(
      """
      INSERT INTO generations
        (generation_number, collection_number, label, state, index_type, created_at, built_at, published_at,
         replaced_generation)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).run([
      .integer(Int64(bitPattern: row.number)), .integer(Int64(bitPattern: row.collection)), .text(row.label),
      .text(row.state.name), row.index.map { .text($0.name) } ?? .null, .integer(row.createdAt),
      Self.value(row.builtAt), Self.value(row.publishedAt), Self.value(row.replaced),
    ])
    try insertModel(of: row)
    touched.insert(row.collection)
  }

  package func update(_ row: GenerationRow) throws(VecError) {
    try connection.prepare(
      """
      UPDATE generations SET state = ?, index_type = ?, built_at = ?, published_at = ?, replaced_generation = ?
      WHERE generation_number = ?
      """
    ).run([
      .text(row.state.name), row.index.map { .text($0.name) } ?? .null, Self.value(row.builtAt),
      Self.value(row.publishedAt), Self.value(row.replaced), .integer(Int64(bitPattern: row.number)),
    ])
    touched.insert(row.collection)
  }

  /// Removes a generation with its segments.
  package func delete(_ row: GenerationRow) throws(VecError) {
    let number = SQLiteValue.integer(Int64(bitPattern: row.number))
    try deleteWrites(ofGenerations: "(?)", number)
    try deleteModels(ofGenerations: "(?)", number)
    try connection.prepare("DELETE FROM segments WHERE generation_number = ?").run([number])
    try connection.prepare("DELETE FROM generations WHERE generation_number = ?").run([number])
    touched.insert(row.collection)
  }

  package func insert(_ row: SegmentRow, of collection: UInt64) throws(VecError) {
    try connection.prepare(
      """
      INSERT INTO segments
        (segment_uuid, generation_number, ordinal, row_count, byte_count, root_checksum, element_type)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """
    ).run([
      .blob(row.uuid.bytes), .integer(Int64(bitPattern: row.generation)), .integer(Int64(row.ordinal)),
      .integer(Int64(bitPattern: row.rowCount)), .integer(Int64(bitPattern: row.byteCount)),
      .integer(Int64(row.rootChecksum)), .text(row.elementType.name),
    ])
    touched.insert(collection)
  }

  package func deleteSegment(_ uuid: UUID, of collection: UInt64) throws(VecError) {
    try deleteDeadRows(of: uuid)
    try connection.prepare("DELETE FROM segments WHERE segment_uuid = ?").run([.blob(uuid.bytes)])
    touched.insert(collection)
  }

  /// Records the next number that a collection or generation may take.
  package func setNextNumber(_ number: UInt64) throws(VecError) {
    try connection.prepare("INSERT OR REPLACE INTO store (key, value) VALUES ('next_number', ?)")
      .run([.integer(Int64(bitPattern: number))])
    isListChanged = true
  }

  /// Brings the checksums up to date; the manifest calls this last.
  func seal() throws(VecError) {
    guard isListChanged || !touched.isEmpty else { return }
    let reader = CatalogueReader(connection)
    for record in try reader.records() where touched.contains(record.row.number) {
      try connection.prepare("UPDATE collections SET checksum = ? WHERE collection_number = ?")
        .run([.integer(Int64(record.checksum)), .integer(Int64(bitPattern: record.row.number))])
    }
    try connection.prepare("INSERT OR REPLACE INTO store (key, value) VALUES ('catalogue_checksum', ?)")
      .run([.integer(Int64(try reader.catalogueChecksum()))])
  }

  private static func value(_ number: UInt64?) -> SQLiteValue {
    number.map { .integer(Int64(bitPattern: $0)) } ?? .null
  }

  private static func value(_ number: Int64?) -> SQLiteValue { number.map { .integer($0) } ?? .null }
}
