import CSQLite
package import VecCore

extension Manifest {
  /// Reads everything and checks it: the file's structure, the catalogue's checksum, each collection's checksum.
  ///
  /// Damage inside one collection is reported beside the sound ones; damage of the file's structure or of the list of
  /// collections is `.manifestDamaged`, because then nobody can say what is missing.
  package func load() throws(VecError) -> Catalogue {
    try CatalogueReader(connection).catalogue()
  }
}

struct CatalogueReader {
  let connection: SQLiteConnection

  init(_ connection: SQLiteConnection) { self.connection = connection }

  func catalogue() throws(VecError) -> Catalogue {
    let findings = try connection.prepare("PRAGMA integrity_check(1)").rows(columns: 1)
    guard findings == [[.text("ok")]] else {
      let said = text(findings)
      throw VecError(
        Self.isReadFailure(said) ? .ioError : .manifestDamaged,
        "the manifest's database fails SQLite's integrity check: \(said)")
    }
    let next = try storeValue("next_number")
    guard try storeValue("catalogue_checksum") == Int64(try catalogueChecksum()) else {
      throw VecError(.manifestDamaged, "the manifest's list of collections fails its checksum")
    }
    var catalogue = Catalogue(collections: [], damaged: [], nextNumber: UInt64(bitPattern: next))
    let expected = try checksums()
    for record in try records() {
      if expected[record.row.number] == Int64(record.checksum) {
        catalogue.collections.append(record)
      } else {
        catalogue.damaged.append((record.row.name, "its rows in the manifest fail their checksum"))
      }
    }
    for (name, reason) in try unreadable() { catalogue.damaged.append((name, reason)) }
    return catalogue
  }

  /// All collections whose rows can be read, with what belongs to them, unchecked.
  func records() throws(VecError) -> [CollectionRecord] {
    var records: [UInt64: CollectionRecord] = [:]
    for values in try connection.prepare(Self.collectionSQL).rows(columns: 7) {
      guard let row = Self.collection(values) else { continue }
      records[row.number] = CollectionRecord(row: row)
    }
    if try hasAttributes() {
      for number in Array(records.keys) { records[number]?.row.attributes = try attributes(of: number) }
    }
    let hasModels = try hasModels()
    if hasModels {
      for number in Array(records.keys) { records[number]?.row.settings = try settings(of: number) }
    }
    if try hasStringIDs() {
      for number in try stringIDCollections() { records[number]?.row.ids = .string }
    }
    var owner: [UInt64: UInt64] = [:]
    let hasWrites = try hasWrites()
    for values in try connection.prepare(Self.generationSQL).rows(columns: 9) {
      guard var row = Self.generation(values) else { continue }
      if hasModels { row.model = try model(of: row.number) }
      owner[row.number] = row.collection
      records[row.collection]?.generations.append(row)
    }
    for values in try connection.prepare(Self.segmentSQL).rows(columns: 7) {
      guard let row = Self.segment(values), let collection = owner[row.generation] else { continue }
      records[collection]?.segments.append(row)
      if hasWrites { records[collection]?.deadRows += try deadRows(of: row.uuid) }
    }
    if hasWrites {
      for values in try connection.prepare(Self.deltaSQL).rows(columns: 6) {
        guard let row = Self.delta(values), let collection = owner[row.generation] else { continue }
        records[collection]?.deltas.append(row)
      }
    }
    for number in Array(records.keys) { records[number]?.deadRows.sort { $0.isBefore($1) } }
    return records.values.sorted { $0.row.number < $1.row.number }
  }

  /// Whether the manifest has the tables of schema version 2.
  func hasWrites() throws(VecError) -> Bool { try has(table: "deltas") }

  func has(table: String) throws(VecError) -> Bool {
    let statement = try connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?")
    try statement.bind([.text(table)])
    return try !statement.rows(columns: 1).isEmpty
  }

  private func deadRows(of segment: UUID) throws(VecError) -> [DeadRowsRow] {
    let statement = try connection.prepare(
      "SELECT part, row_count, checksum FROM dead_rows WHERE segment_uuid = ? ORDER BY part")
    try statement.bind([.blob(segment.bytes)])
    return try statement.rows(columns: 3).compactMap { values in
      guard case .integer(let part) = values[0], case .integer(let count) = values[1], case .integer(let sum) = values[2],
        let checksum = UInt32(exactly: sum)
      else { return nil }
      return DeadRowsRow(
        segment: segment, part: UInt64(bitPattern: part), rowCount: UInt64(bitPattern: count), checksum: checksum)
    }
  }

  /// Covers which collections there are and what number comes next.
  func catalogueChecksum() throws(VecError) -> UInt32 {
    var writer = ByteWriter()
    writer.write(try storeValue("next_number"))
    for values in try connection.prepare("SELECT collection_number FROM collections ORDER BY 1").rows(columns: 1) {
      guard case .integer(let number) = values[0] else { continue }
      writer.write(number)
    }
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }

  private func checksums() throws(VecError) -> [UInt64: Int64] {
    var out: [UInt64: Int64] = [:]
    for values in try connection.prepare("SELECT collection_number, checksum FROM collections").rows(columns: 2) {
      guard case .integer(let number) = values[0], case .integer(let checksum) = values[1] else { continue }
      out[UInt64(bitPattern: number)] = checksum
    }
    return out
  }

  /// Collections whose own row does not even decode.
  private func unreadable() throws(VecError) -> [(String, String)] {
    var out: [(String, String)] = []
    for values in try connection.prepare(Self.collectionSQL).rows(columns: 7) where Self.collection(values) == nil {
      guard case .text(let name) = values[1] else { continue }
      out.append((name, "its row in the manifest holds values out of range"))
    }
    return out
  }

  private func storeValue(_ key: String) throws(VecError) -> Int64 {
    let statement = try connection.prepare("SELECT value FROM store WHERE key = ?")
    try statement.bind([.text(key)])
    guard case .integer(let value)? = try statement.rows(columns: 1).first?.first else {
      if key == "catalogue_checksum" { return -1 }
      throw VecError(.manifestDamaged, "the manifest lacks its value \(key)")
    }
    return value
  }

  /// Whether the check met a page that it could not read, as SQLite words it: of such a page nothing is known.
  private static func isReadFailure(_ said: String) -> Bool {
    guard let mark = said.firstRange(of: "unable to get the page. error code=") else { return false }
    let code = Int32(said[mark.upperBound...].prefix { $0.isNumber }) ?? 0
    return [SQLITE_IOERR, SQLITE_NOMEM].contains(code & 0xFF)
  }

  private func text(_ rows: [[SQLiteValue]]) -> String {
    guard case .text(let text)? = rows.first?.first else { return "unknown" }
    return Names.quoted(text)
  }
}

// Decoding of rows: nil when a value is not what the schema says.
extension CatalogueReader {
  private static let collectionSQL = """
    SELECT collection_number, name, dimension, metric, created_at, sequence, live_generation
    FROM collections ORDER BY collection_number
    """
  private static let generationSQL = """
    SELECT generation_number, collection_number, label, state, index_type, created_at, built_at, published_at,
      replaced_generation
    FROM generations ORDER BY generation_number
    """
  private static let segmentSQL = """
    SELECT segment_uuid, generation_number, ordinal, row_count, byte_count, root_checksum, element_type
    FROM segments ORDER BY generation_number, ordinal
    """

  private static let deltaSQL = """
    SELECT delta_number, generation_number, write_count, last_sequence, chain, checksum FROM deltas ORDER BY delta_number
    """

  /// A delta whose own checksum fails is left out, so that its collection's fails too.
  private static func delta(_ values: [SQLiteValue]) -> DeltaRow? {
    let numbers = values.compactMap { value -> UInt64? in
      guard case .integer(let number) = value else { return nil }
      return UInt64(bitPattern: number)
    }
    guard numbers.count == 6, let chain = UInt32(exactly: numbers[4]) else { return nil }
    let row = DeltaRow(
      number: numbers[0], generation: numbers[1], writeCount: numbers[2], lastSequence: numbers[3], chain: chain)
    return UInt64(row.checksum) == numbers[5] ? row : nil
  }

  private static func collection(_ values: [SQLiteValue]) -> CollectionRow? {
    guard case .integer(let number) = values[0], case .text(let name) = values[1],
      case .integer(let dimension) = values[2], (1...Int64(Limits.dimensionMax)).contains(dimension),
      case .text(let metricName) = values[3], let metric = Metric(name: metricName),
      case .integer(let createdAt) = values[4], case .integer(let sequence) = values[5]
    else { return nil }
    return CollectionRow(
      number: UInt64(bitPattern: number), name: name, dimension: Int(dimension), metric: metric, createdAt: createdAt,
      sequence: UInt64(bitPattern: sequence), liveGeneration: optional(values[6]).map { UInt64(bitPattern: $0) })
  }

  private static func generation(_ values: [SQLiteValue]) -> GenerationRow? {
    guard case .integer(let number) = values[0], case .integer(let collection) = values[1],
      case .text(let label) = values[2], case .text(let stateName) = values[3],
      let state = GenerationState(name: stateName), case .integer(let createdAt) = values[5]
    else { return nil }
    var index: IndexType?
    if case .text(let name) = values[4] {
      guard let type = IndexType(name: name) else { return nil }
      index = type
    }
    return GenerationRow(
      number: UInt64(bitPattern: number), collection: UInt64(bitPattern: collection), label: label, state: state,
      index: index, createdAt: createdAt, builtAt: optional(values[6]), publishedAt: optional(values[7]),
      replaced: optional(values[8]).map { UInt64(bitPattern: $0) })
  }

  private static func segment(_ values: [SQLiteValue]) -> SegmentRow? {
    guard case .blob(let bytes) = values[0], let uuid = UUID(bytes: bytes), case .integer(let generation) = values[1],
      case .integer(let ordinal) = values[2], case .integer(let rowCount) = values[3],
      case .integer(let byteCount) = values[4], case .integer(let root) = values[5],
      let rootChecksum = UInt32(exactly: root), case .text(let typeName) = values[6],
      let elementType = ElementType(name: typeName)
    else { return nil }
    return SegmentRow(
      uuid: uuid, generation: UInt64(bitPattern: generation), ordinal: Int(ordinal),
      rowCount: UInt64(bitPattern: rowCount), byteCount: UInt64(bitPattern: byteCount), rootChecksum: rootChecksum,
      elementType: elementType)
  }

  private static func optional(_ value: SQLiteValue) -> Int64? {
    guard case .integer(let number) = value else { return nil }
    return number
  }
}
