import VecCore
import VecManifest

/// A change of a named set: a part on top, or nil to forget it.
struct NamedSetWrite {
  var collection: String
  var set: String
  var part: NamedSetPart?
  /// What is wrong with the request, if anything.
  var refusal: VecError?
}

/// Changes of named sets of one kind that are committed together: worked out one by one, written in one transaction, then
/// shown to searches. Each succeeds or fails for itself, but for the commit.
struct NamedSetGroup<Content: NamedSetContent> {
  typealias Entry = NamedSetBook<Content>.Entry

  /// What the manifest is told.
  private enum Step {
    case append(NamedSetPart, NamedSetRow)
    /// The part stands for all before it.
    case replace(NamedSetPart, NamedSetRow)
    case remove(UInt64)

    var byteCount: Int {
      switch self {
      case .append(let part, _), .replace(let part, _): 16 * part.ids.count + 16_384
      case .remove: 16_384
      }
    }

    var isRemoval: Bool { if case .remove = self { true } else { false } }
  }

  private struct Accepted {
    var position: Int
    var step: Step?
    var answer: UInt64
  }

  private struct Key: Hashable {
    var collection: UInt64
    var name: String
  }

  private let engine: Engine
  private let sets: NamedSets<Content>
  private let now: Int64
  private var nextNumber: UInt64
  private var accepted: [Accepted] = []
  /// Sets as they are after what was accepted.
  private var changed: [Key: Entry?] = [:]
  private var newCounts: [UInt64: Int] = [:]
  private var addedBytes = 0

  /// Carries out changes under the writer lock; the answers are the ids in the set, or 1 for a set that was there.
  static func commit(
    _ writes: [NamedSetWrite], to sets: NamedSets<Content>, in engine: Engine, _ writer: inout Engine.Writer
  ) -> [Result<UInt64, VecError>] {
    var group = NamedSetGroup(engine, sets)
    var results = [Result<UInt64, VecError>?](repeating: nil, count: writes.count)
    for (position, write) in writes.enumerated() {
      do throws(VecError) {
        if let poison = writer.manifest.poison { throw poison }
        try group.accept(write, position)
      } catch {
        results[position] = .failure(error)
      }
    }
    do throws(VecError) {
      try group.log(writer)
      group.apply()
      for one in group.accepted { results[one.position] = .success(one.answer) }
    } catch {
      for one in group.accepted { results[one.position] = .failure(error) }
      if error.code == .storageFull { forgetAtLeast(writes, &results, sets, in: engine, &writer) }
    }
    return results.map { $0 ?? .failure(VecError(.internalDefect, "a change of a named set was lost on its way")) }
  }

  /// On a full disk sets are forgotten without the appends of the group: that alone may use the ballast.
  private static func forgetAtLeast(
    _ writes: [NamedSetWrite], _ results: inout [Result<UInt64, VecError>?], _ sets: NamedSets<Content>,
    in engine: Engine, _ writer: inout Engine.Writer
  ) {
    let forgets = writes.indices.filter { writes[$0].part == nil && writes[$0].refusal == nil }
    guard !forgets.isEmpty, forgets.count < writes.count else { return }
    for (position, result) in zip(forgets, commit(forgets.map { writes[$0] }, to: sets, in: engine, &writer)) {
      results[position] = result
    }
  }

  private init(_ engine: Engine, _ sets: NamedSets<Content>) {
    self.engine = engine
    self.sets = sets
    now = engine.options.now()
    nextNumber = sets.book.nextNumber
  }
}

extension NamedSetGroup {
  private mutating func accept(_ write: NamedSetWrite, _ position: Int) throws(VecError) {
    try Content.checkName(write.set)
    let collection = try engine.collection(write.collection).row
    if let refusal = write.refusal { throw refusal }
    let key = Key(collection: collection.number, name: write.set)
    guard let part = write.part else { return forget(key, position) }
    let before = try current(key, of: collection)
    if before == nil { try checkRoom(for: collection) }
    try take(part, on: before, key, position)
  }

  private func current(_ key: Key, of collection: CollectionRow) throws(VecError) -> Entry? {
    if let changed = changed[key] { return changed }
    return try sets.entry(key.name, of: collection)
  }

  /// A set that cannot be believed is removed like any other.
  private mutating func forget(_ key: Key, _ position: Int) {
    let book = sets.book
    var number = book.damage(key.name, of: key.collection)?.number ?? book.row(key.name, of: key.collection)?.number
    if let changed = changed[key] { number = changed?.row.number }
    changed[key] = .some(nil)
    accepted.append(Accepted(position: position, step: number.map { .remove($0) }, answer: number == nil ? 0 : 1))
  }

  /// An append is a part of its own, until there are many or most of what they hold counts no more.
  private mutating func take(
    _ part: NamedSetPart, on before: Entry?, _ key: Key, _ position: Int
  ) throws(VecError) {
    let row = NamedSetRow(number: nextNumber, collection: key.collection, name: key.name)
    var after = before ?? Entry(row: row)
    after.content = try after.content.appending(part)
    let grown = after.byteCount - (before?.byteCount ?? 0)
    try checkMemory(grown)
    addedBytes += grown
    guard after.content.idCount > 0 else {
      changed[key] = .some(nil)
      accepted.append(Accepted(position: position, step: before.map { .remove($0.row.number) }, answer: 0))
      return
    }
    let step: Step
    if after.row.partCount >= Limits.excludeSetPartsMax
      || after.storedCount + part.ids.count > 2 * after.content.idCount + 1_024
    {
      let whole = after.content.part(at: now)
      after.row.replace(with: whole)
      after.storedCount = whole.ids.count
      step = .replace(whole, after.row)
    } else {
      after.row.add(part)
      after.storedCount += part.ids.count
      step = .append(part, after.row)
    }
    if before == nil {
      nextNumber += 1
      newCounts[key.collection, default: 0] += 1
    }
    changed[key] = .some(after)
    accepted.append(Accepted(position: position, step: step, answer: UInt64(after.content.idCount)))
  }

  private func checkRoom(for collection: CollectionRow) throws(VecError) {
    let count = sets.book.setCount(of: collection.number) + (newCounts[collection.number] ?? 0)
    guard count < Content.setsMax else {
      throw VecError(
        .limitExceeded,
        "\(collection.name) has \(count) \(Content.kind.noun)s, at most \(Content.setsMax): \(Content.remedy)")
    }
  }

  private func checkMemory(_ grown: Int) throws(VecError) {
    let held = sets.book.counts.bytes + addedBytes
    guard grown <= 0 || held + grown <= sets.bytesMax else {
      throw VecError(
        .limitExceeded,
        "\(Content.kind.noun)s hold \(held) bytes of memory, at most \(sets.bytesMax), a quarter of what indexes may hold: "
          + "\(Content.remedy), or give vecd more memory")
    }
  }
}

extension NamedSetGroup {
  private func log(_ writer: Engine.Writer) throws(VecError) {
    let steps = accepted.compactMap(\.step)
    guard !steps.isEmpty else { return }
    let kind = Content.kind
    try writer.manifest.logSets(
      kind, byteCount: steps.reduce(0) { $0 + $1.byteCount }, makingRoom: steps.allSatisfy(\.isRemoval)
    ) { (transaction) throws(VecError) in
      for step in steps {
        switch step {
        case .append(let part, let row): try transaction.append(part, of: row, kind)
        case .replace(let part, let row):
          try transaction.append(part, of: row, kind)
          try transaction.deletePartsBeforeFirst(of: row, kind)
        case .remove(let number): try transaction.deleteSet(number, kind)
        }
      }
    }
  }

  private func apply() {
    sets.change { book in
      for (key, entry) in changed { book.put(entry, name: key.name, collection: key.collection) }
      book.nextNumber = nextNumber
    }
  }
}
