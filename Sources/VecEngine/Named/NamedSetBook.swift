import VecCore
import VecManifest

/// What the ids of a named set are there for. Never changed: an append makes another one, so that a search holds what it
/// found.
protocol NamedSetContent: Sendable {
  static var kind: NamedSetKind { get }
  static var empty: Self { get }
  static func checkName(_ name: String) throws(VecError)
  /// Sets of a collection.
  static var setsMax: Int { get }
  /// What to do about too many.
  static var remedy: String { get }
  var idCount: Int { get }
  /// Memory of the ids; what a set takes besides is the book's to know.
  var byteCount: Int { get }
  /// The content with a part on top. The same at the append and at every later start, whatever the clock says then.
  ///
  /// - Throws: `limit-exceeded`.
  func appending(_ part: NamedSetPart) throws(VecError) -> Self
  /// All of it in one part.
  func part(at now: Int64) -> NamedSetPart
}

/// All named sets of one kind of a store, by collection and name. Changed by the writer alone.
struct NamedSetBook<Content: NamedSetContent>: Sendable {
  struct Entry: Sendable {
    var row: NamedSetRow
    var content: Content
    /// Ids in all of its parts, those that count no more too.
    var storedCount: Int

    /// About what it takes besides its ids: its row, its place in the table, the heads of three arrays.
    private static var overhead: Int { 360 }

    var byteCount: Int { content.byteCount + Self.overhead }

    /// Nothing yet.
    init(row: NamedSetRow) {
      self.row = row
      content = .empty
      storedCount = 0
    }

    init(row: NamedSetRow, parts: [NamedSetPart]) throws(VecError) {
      self.init(row: row)
      for part in parts { content = try content.appending(part) }
      storedCount = parts.reduce(0) { $0 + $1.ids.count }
    }
  }

  /// A set that answers nothing until it is forgotten.
  struct Damage: Sendable {
    var number: UInt64
    var reason: String
  }

  private var sets: [UInt64: [String: Entry]] = [:]
  private var damaged: [UInt64: [String: Damage]] = [:]
  /// What is wrong with sets whose name nobody can tell, by collection; any that is not found may be one of them.
  private(set) var nameless: [DamagedSet] = []
  private(set) var counts = NamedSetCounts()
  /// Of the next set; greater than that of every set there was.
  var nextNumber: UInt64 = 1

  /// Takes a set in that the manifest holds.
  mutating func adopt(_ row: NamedSetRow, _ parts: [NamedSetPart]) throws(VecError) {
    put(try Entry(row: row, parts: parts), name: row.name, collection: row.collection)
  }

  /// - Parameter known: collections whose sets answer.
  mutating func adopt(_ damage: DamagedSet, known: Set<UInt64>) {
    counts.damaged += 1
    guard let owner = damage.owner, known.contains(owner.collection) else {
      nameless.append(damage)
      return
    }
    damaged[owner.collection, default: [:]][owner.name] = Damage(number: damage.number, reason: damage.reason)
  }

  /// The set, or nil when there is none of this name.
  ///
  /// - Throws: `manifest-damaged` when there is one that cannot be believed, or may be.
  func entry(_ name: String, of collection: CollectionRow) throws(VecError) -> Entry? {
    if let damage = damage(name, of: collection.number) {
      throw VecError(
        .manifestDamaged,
        "\(Content.kind.noun) \(name) of \(collection.name) is damaged: \(damage.reason); forget it and append to it anew, or "
          + "repair the store")
    }
    if let entry = sets[collection.number]?[name] { return entry }
    guard let lost = nameless.first(where: { $0.owner == nil }) else { return nil }
    throw VecError(
      .manifestDamaged,
      "\(collection.name) shows no \(Content.kind.noun) \(name), but set \(lost.number) of the store is damaged and may be it: "
        + "\(lost.reason); repair the store")
  }

  func row(_ name: String, of collection: UInt64) -> NamedSetRow? { sets[collection]?[name]?.row }

  func damage(_ name: String, of collection: UInt64) -> Damage? { damaged[collection]?[name] }

  func setCount(of collection: UInt64) -> Int { sets[collection]?.count ?? 0 }

  /// Damaged sets of a collection, by name.
  func damages(of collection: UInt64) -> [(name: String, damage: Damage)] {
    (damaged[collection] ?? [:]).map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// Puts a set in the place of what was there; nil removes it, damaged or not.
  mutating func put(_ entry: Entry?, name: String, collection: UInt64) {
    if let old = sets[collection]?[name] { count(old, by: -1) }
    if let entry { count(entry, by: 1) }
    sets[collection, default: [:]][name] = entry
    if entry == nil, damaged[collection]?.removeValue(forKey: name) != nil { counts.damaged -= 1 }
  }

  mutating func drop(_ collection: UInt64) {
    for entry in (sets.removeValue(forKey: collection) ?? [:]).values { count(entry, by: -1) }
    counts.damaged -= damaged.removeValue(forKey: collection)?.count ?? 0
  }

  /// Sets whose content is as asked for.
  func rows(limit: Int, where isWanted: (Content) -> Bool) -> [NamedSetRow] {
    var found: [NamedSetRow] = []
    for own in sets.values {
      for entry in own.values where isWanted(entry.content) {
        found.append(entry.row)
        if found.count == limit { return found }
      }
    }
    return found
  }

  private mutating func count(_ entry: Entry, by sign: Int) {
    counts.sets += sign
    counts.ids += sign * entry.content.idCount
    counts.bytes += sign * entry.byteCount
  }
}
