package import VecCore

/// What reading all named sets of excluded ids found besides the sound ones.
package struct ExclusionFindings: Sendable {
  package var damaged: [DamagedExclusions] = []
  /// Greater than that of every set, sound or damaged.
  package var nextNumber: UInt64 = 1
}

extension Manifest {
  /// Hands out every sound set with its parts, in the order of their numbers; none where the manifest has no tables for them.
  package func readExclusions(
    _ body: (ExclusionSetRow, [ExclusionPart]) throws(VecError) -> Void
  ) throws(VecError) -> ExclusionFindings {
    guard try CatalogueReader(connection).hasExclusions() else { return ExclusionFindings() }
    var reader = try ExclusionReader(connection)
    defer { reader.end() }
    try reader.read(body)
    return reader.findings
  }
}

/// Both tables are read once, side by side, so that a start needs no memory for what it has checked.
struct ExclusionReader {
  private struct StoredPart {
    var set: UInt64
    var number: UInt64
    var owner: DamagedExclusions.Owner?
    /// Nil when a value is out of range.
    var part: ExclusionPart?
    var checksum: Int64
  }

  private let sets: SQLiteStatement
  private let parts: SQLiteStatement
  private var next: StoredPart?
  private(set) var findings = ExclusionFindings()

  init(_ connection: SQLiteConnection) throws(VecError) {
    sets = try connection.prepare(
      """
      SELECT set_number, collection_number, name, first_part, last_part, chain, checksum FROM exclusion_sets
      ORDER BY set_number
      """)
    parts = try connection.prepare(
      """
      SELECT set_number, part, collection_number, name, appended_at, id_count, content, checksum FROM exclusion_parts
      ORDER BY set_number, part
      """)
  }

  func end() {
    sets.reset()
    parts.reset()
  }

  mutating func read(_ body: (ExclusionSetRow, [ExclusionPart]) throws(VecError) -> Void) throws(VecError) {
    try advance()
    while try sets.step() {
      let values = (0..<7).map { sets.value($0) }
      let number = Self.number(values[0]) ?? 0
      try takeOrphans(before: number)
      let own = try takeParts(of: number)
      findings.nextNumber = max(findings.nextNumber, number &+ 1)
      if let row = judge(number, Self.row(values), own) { try body(row, own.compactMap(\.part)) }
    }
    try takeOrphans(before: nil)
  }

  /// The row when it and all parts are what they should be; else notes what is wrong.
  private mutating func judge(_ number: UInt64, _ row: ExclusionSetRow?, _ own: [StoredPart]) -> ExclusionSetRow? {
    guard let row else {
      findings.damaged.append(
        DamagedExclusions(number: number, owner: Self.owner(of: own, number), reason: "its row fails its checksum"))
      return nil
    }
    var sound = ExclusionSetRow(number: number, collection: row.collection, name: row.name)
    (sound.firstPart, sound.lastPart) = (row.firstPart, row.firstPart &- 1)
    var reason: String?
    for one in own where reason == nil {
      guard let part = one.part, one.number == sound.lastPart &+ 1 else {
        reason = "part \(one.number) is out of range"
        continue
      }
      sound.add(part)
      // The checksum of a part is over its set's name, not over the one that it repeats.
      if one.owner?.name != row.name || one.owner?.collection != row.collection {
        reason = "part \(one.number) names another set"
      } else if Int64(sound.chain) != one.checksum {
        reason = "part \(one.number) fails its checksum"
      }
    }
    if reason == nil, sound != row {
      reason = "its parts end with \(sound.lastPart), and should end with \(row.lastPart)"
    }
    guard let reason else { return row }
    let owner = DamagedExclusions.Owner(collection: row.collection, name: row.name)
    findings.damaged.append(DamagedExclusions(number: number, owner: owner, reason: reason))
    return nil
  }

  /// Parts whose set has no row.
  private mutating func takeOrphans(before limit: UInt64?) throws(VecError) {
    while let first = next, limit.map({ first.set < $0 }) ?? true {
      let own = try takeParts(of: first.set)
      findings.nextNumber = max(findings.nextNumber, first.set &+ 1)
      findings.damaged.append(
        DamagedExclusions(number: first.set, owner: Self.owner(of: own, first.set), reason: "its row is missing"))
    }
  }

  private mutating func takeParts(of set: UInt64) throws(VecError) -> [StoredPart] {
    var own: [StoredPart] = []
    while let part = next, part.set == set {
      own.append(part)
      try advance()
    }
    return own
  }

  private mutating func advance() throws(VecError) {
    next = try parts.step() ? Self.part((0..<8).map { parts.value($0) }) : nil
  }

  /// Whose the parts are, as the first of them says when its checksum vouches for it.
  private static func owner(of own: [StoredPart], _ number: UInt64) -> DamagedExclusions.Owner? {
    guard let first = own.first, let owner = first.owner, let part = first.part else { return nil }
    let row = ExclusionSetRow(number: number, collection: owner.collection, name: owner.name)
    return Int64(part.checksum(after: 0, of: row, number: first.number)) == first.checksum ? owner : nil
  }
}

// Decoding of rows.
extension ExclusionReader {
  private static func number(_ value: SQLiteValue) -> UInt64? {
    guard case .integer(let number) = value else { return nil }
    return UInt64(bitPattern: number)
  }

  /// Nil when the row is not what its checksum says.
  private static func row(_ values: [SQLiteValue]) -> ExclusionSetRow? {
    guard let number = Self.number(values[0]), let collection = Self.number(values[1]), case .text(let name) = values[2],
      let first = Self.number(values[3]), let last = Self.number(values[4]),
      let chain = Self.number(values[5]).flatMap({ UInt32(exactly: $0) }), case .integer(let checksum) = values[6]
    else { return nil }
    var row = ExclusionSetRow(number: number, collection: collection, name: name)
    (row.firstPart, row.lastPart, row.chain) = (first, last, chain)
    return Int64(row.checksum) == checksum ? row : nil
  }

  private static func part(_ values: [SQLiteValue]) -> StoredPart {
    var part = StoredPart(set: number(values[0]) ?? 0, number: number(values[1]) ?? 0, checksum: -1)
    if let collection = number(values[2]), case .text(let name) = values[3] {
      part.owner = DamagedExclusions.Owner(collection: collection, name: name)
    }
    if case .integer(let at) = values[4], case .integer(let count) = values[5], case .blob(let content) = values[6] {
      part.part = ExclusionPart(appendedAt: at, idCount: count, content: content)
    }
    if case .integer(let checksum) = values[7] { part.checksum = checksum }
    return part
  }
}

extension Manifest {
  /// Sets of which not everything can be believed, with their collections as far as these are known.
  package func damagedExclusions(
    of catalogue: Catalogue
  ) throws(VecError) -> [(collection: String?, damage: DamagedExclusions)] {
    let names = Dictionary(uniqueKeysWithValues: catalogue.collections.map { ($0.row.number, $0.row.name) })
    // Where a collection is damaged nobody can say which sets belong to none.
    let isWhole = catalogue.damaged.isEmpty
    var strays: [DamagedExclusions] = []
    let findings = try readExclusions { (row, _) in
      if isWhole, names[row.collection] == nil { strays.append(.stray(row)) }
    }
    return (findings.damaged + strays).map { ($0.owner.flatMap { names[$0.collection] }, $0) }
  }
}

extension DamagedExclusions {
  /// A sound set of a collection that is not there.
  package static func stray(_ row: ExclusionSetRow) -> DamagedExclusions {
    DamagedExclusions(
      number: row.number, owner: Owner(collection: row.collection, name: row.name),
      reason: "its collection is not there")
  }

  package var message: String {
    "\(owner.map { "exclude set \(Names.quoted($0.name))" } ?? "an exclude set of unknown name (number \(number))") is damaged: "
      + reason
  }
}
