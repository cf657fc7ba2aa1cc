package import VecCore

/// What reading all named sets of one kind found besides the sound ones.
package struct NamedSetFindings: Sendable {
  package var damaged: [DamagedSet] = []
  /// Greater than that of every set, sound or damaged.
  package var nextNumber: UInt64 = 1
}

extension Manifest {
  /// Hands out every sound set with its parts, in the order of their numbers; none where the manifest has no tables for them.
  package func readSets(
    _ kind: NamedSetKind, _ body: (NamedSetRow, [NamedSetPart]) throws(VecError) -> Void
  ) throws(VecError) -> NamedSetFindings {
    guard try CatalogueReader(connection).hasSets(kind) else { return NamedSetFindings() }
    var reader = try NamedSetReader(connection, kind)
    defer { reader.end() }
    try reader.read(body)
    return reader.findings
  }
}

/// Both tables are read once, side by side, so that a start needs no memory for what it has checked.
struct NamedSetReader {
  private struct StoredPart {
    var set: UInt64
    var number: UInt64
    var owner: DamagedSet.Owner?
    /// Nil when a value is out of range.
    var part: NamedSetPart?
    var checksum: Int64
  }

  private let kind: NamedSetKind
  private let sets: SQLiteStatement
  private let parts: SQLiteStatement
  private var next: StoredPart?
  private(set) var findings = NamedSetFindings()

  init(_ connection: SQLiteConnection, _ kind: NamedSetKind) throws(VecError) {
    self.kind = kind
    sets = try connection.prepare(
      """
      SELECT set_number, collection_number, name, first_part, last_part, chain, checksum FROM \(kind.sets)
      ORDER BY set_number
      """)
    parts = try connection.prepare(
      """
      SELECT set_number, part, collection_number, name, appended_at, id_count, content, checksum FROM \(kind.parts)
      ORDER BY set_number, part
      """)
  }

  func end() {
    sets.reset()
    parts.reset()
  }

  mutating func read(_ body: (NamedSetRow, [NamedSetPart]) throws(VecError) -> Void) throws(VecError) {
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
  private mutating func judge(_ number: UInt64, _ row: NamedSetRow?, _ own: [StoredPart]) -> NamedSetRow? {
    guard let row else {
      findings.damaged.append(
        DamagedSet(number: number, owner: Self.owner(of: own, number), reason: "its row fails its checksum"))
      return nil
    }
    var sound = NamedSetRow(number: number, collection: row.collection, name: row.name)
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
    let owner = DamagedSet.Owner(collection: row.collection, name: row.name)
    findings.damaged.append(DamagedSet(number: number, owner: owner, reason: reason))
    return nil
  }

  /// Parts whose set has no row.
  private mutating func takeOrphans(before limit: UInt64?) throws(VecError) {
    while let first = next, limit.map({ first.set < $0 }) ?? true {
      let own = try takeParts(of: first.set)
      findings.nextNumber = max(findings.nextNumber, first.set &+ 1)
      findings.damaged.append(
        DamagedSet(number: first.set, owner: Self.owner(of: own, first.set), reason: "its row is missing"))
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
    next = try parts.step() ? part((0..<8).map { parts.value($0) }) : nil
  }

  /// Whose the parts are, as the first of them says when its checksum vouches for it.
  private static func owner(of own: [StoredPart], _ number: UInt64) -> DamagedSet.Owner? {
    guard let first = own.first, let owner = first.owner, let part = first.part else { return nil }
    let row = NamedSetRow(number: number, collection: owner.collection, name: owner.name)
    return Int64(part.checksum(after: 0, of: row, number: first.number)) == first.checksum ? owner : nil
  }
}

// Decoding of rows.
extension NamedSetReader {
  private static func number(_ value: SQLiteValue) -> UInt64? {
    guard case .integer(let number) = value else { return nil }
    return UInt64(bitPattern: number)
  }

  /// Nil when the row is not what its checksum says.
  private static func row(_ values: [SQLiteValue]) -> NamedSetRow? {
    guard let number = Self.number(values[0]), let collection = Self.number(values[1]), case .text(let name) = values[2],
      let first = Self.number(values[3]), let last = Self.number(values[4]),
      let chain = Self.number(values[5]).flatMap({ UInt32(exactly: $0) }), case .integer(let checksum) = values[6]
    else { return nil }
    var row = NamedSetRow(number: number, collection: collection, name: name)
    (row.firstPart, row.lastPart, row.chain) = (first, last, chain)
    return Int64(row.checksum) == checksum ? row : nil
  }

  private func part(_ values: [SQLiteValue]) -> StoredPart {
    var part = StoredPart(set: Self.number(values[0]) ?? 0, number: Self.number(values[1]) ?? 0, checksum: -1)
    if let collection = Self.number(values[2]), case .text(let name) = values[3] {
      part.owner = DamagedSet.Owner(collection: collection, name: name)
    }
    if case .integer(let at) = values[4], case .integer(let count) = values[5], case .blob(let content) = values[6] {
      part.part = NamedSetPart(kind, appendedAt: at, idCount: count, content: content)
    }
    if case .integer(let checksum) = values[7] { part.checksum = checksum }
    return part
  }
}

extension Manifest {
  /// Sets of which not everything can be believed, with their collections as far as these are known.
  package func damagedSets(
    _ kind: NamedSetKind, of catalogue: Catalogue
  ) throws(VecError) -> [(collection: String?, damage: DamagedSet)] {
    let names = Dictionary(uniqueKeysWithValues: catalogue.collections.map { ($0.row.number, $0.row.name) })
    // Where a collection is damaged nobody can say which sets belong to none.
    let isWhole = catalogue.damaged.isEmpty
    var strays: [DamagedSet] = []
    let findings = try readSets(kind) { (row, _) in
      if isWhole, names[row.collection] == nil { strays.append(.stray(row)) }
    }
    return (findings.damaged + strays).map { ($0.owner.flatMap { names[$0.collection] }, $0) }
  }
}

extension DamagedSet {
  /// A sound set of a collection that is not there.
  package static func stray(_ row: NamedSetRow) -> DamagedSet {
    DamagedSet(
      number: row.number, owner: Owner(collection: row.collection, name: row.name),
      reason: "its collection is not there")
  }

  package func message(_ kind: NamedSetKind) -> String {
    let known = owner.map { "\(kind.noun) \(Names.quoted($0.name))" }
    return "\(known ?? "\(kind.article) \(kind.noun) of unknown name (number \(number))") is damaged: \(reason)"
  }
}
