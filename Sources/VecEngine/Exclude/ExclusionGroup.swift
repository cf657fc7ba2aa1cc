import Synchronization
import VecCore
import VecManifest

/// Changes of named sets that are committed together: worked out one by one, written in one transaction, then shown to
/// searches. Each succeeds or fails for itself, but for the commit.
struct ExclusionGroup {
  /// What the manifest is told.
  private enum Step {
    case append(ExclusionPart, ExclusionSetRow)
    /// The part stands for all before it.
    case replace(ExclusionPart, ExclusionSetRow)
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
    var set: Key
    var after: ExclusionBook.Entry?
    var step: Step?
    var answer: UInt64
  }

  private struct Key: Hashable {
    var collection: UInt64
    var name: String
  }

  private let engine: Engine
  private let now: Int64
  private var accepted: [Accepted] = []
  /// Sets as they are after what was accepted.
  private var changed: [Key: ExclusionBook.Entry?] = [:]
  private var newCounts: [UInt64: Int] = [:]
  private var addedBytes = 0

  /// Carries out changes under the writer lock; the answers are the ids in the set, or 1 for a set that was there.
  static func commit(
    _ writes: [ExclusionWrite], in engine: Engine, _ writer: inout Engine.Writer
  ) -> [Result<UInt64, VecError>] {
    var group = ExclusionGroup(engine: engine, now: engine.options.now())
    var results = [Result<UInt64, VecError>?](repeating: nil, count: writes.count)
    for (position, write) in writes.enumerated() {
      do throws(VecError) {
        try group.accept(write, position, &writer)
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
      if error.code == .storageFull { forgetAtLeast(writes, &results, in: engine, &writer) }
    }
    return results.map { $0 ?? .failure(VecError(.internalDefect, "a change of an exclude set was lost on its way")) }
  }

  /// On a full disk sets are forgotten without the appends of the group: that alone may use the ballast.
  private static func forgetAtLeast(
    _ writes: [ExclusionWrite], _ results: inout [Result<UInt64, VecError>?], in engine: Engine,
    _ writer: inout Engine.Writer
  ) {
    let forgets = writes.indices.filter { if case .forget = writes[$0] { true } else { false } }
    guard !forgets.isEmpty, forgets.count < writes.count else { return }
    for (position, result) in zip(forgets, commit(forgets.map { writes[$0] }, in: engine, &writer)) {
      results[position] = result
    }
  }

  private init(engine: Engine, now: Int64) {
    self.engine = engine
    self.now = now
  }
}

extension ExclusionGroup {
  private mutating func accept(_ write: ExclusionWrite, _ position: Int, _ writer: inout Engine.Writer) throws(VecError) {
    if let poison = writer.manifest.poison { throw poison }
    let address = write.address
    try Names.checkExcludeSet(address.set)
    let collection = try engine.collection(address.collection).row
    let key = Key(collection: collection.number, name: address.set)
    switch write {
    case .forget: try forget(key, position)
    case .append(let append):
      try Limits.check(append.ids.count, 1...Limits.excludeIdsMax, "the number of ids in one exclude")
      let before = try current(key, of: collection)
      if before == nil { try checkRoom(for: collection) }
      let part = ExclusionSet.part(append.ids, lifetimeSeconds: append.lifetimeSeconds, at: now)
      try take(part, on: before, key, position, &writer)
    }
  }

  private func current(_ key: Key, of collection: CollectionRow) throws(VecError) -> ExclusionBook.Entry? {
    if let changed = changed[key] { return changed }
    return try engine.exclusions.withLock { (book) throws(VecError) in try book.entry(key.name, of: collection) }
  }

  /// A set that cannot be believed is removed like any other.
  private mutating func forget(_ key: Key, _ position: Int) throws(VecError) {
    var number = engine.exclusions.withLock { book in
      book.damage(key.name, of: key.collection)?.number ?? book.row(key.name, of: key.collection)?.number
    }
    if let changed = changed[key] { number = changed?.row.number }
    changed[key] = .some(nil)
    accepted.append(
      Accepted(
        position: position, set: key, after: nil, step: number.map { .remove($0) }, answer: number == nil ? 0 : 1))
  }

  /// An append is a part of its own, until there are many or most of what they hold counts no more.
  private mutating func take(
    _ part: ExclusionPart, on before: ExclusionBook.Entry?, _ key: Key, _ position: Int, _ writer: inout Engine.Writer
  ) throws(VecError) {
    var after =
      before
      ?? ExclusionBook.Entry(
        row: ExclusionSetRow(number: writer.nextExclusionSet, collection: key.collection, name: key.name), parts: [])
    after.content = after.content.appending(part)
    let grown = after.byteCount - (before?.byteCount ?? 0)
    try checkMemory(grown)
    let mustReplace =
      after.row.partCount >= Limits.excludeSetPartsMax
      || after.storedCount + part.ids.count > 2 * after.content.ids.count + 1_024
    let step: Step
    if mustReplace {
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
      writer.nextExclusionSet += 1
      newCounts[key.collection, default: 0] += 1
    }
    addedBytes += grown
    changed[key] = .some(after)
    accepted.append(
      Accepted(position: position, set: key, after: after, step: step, answer: UInt64(after.content.ids.count)))
  }

  private func checkRoom(for collection: CollectionRow) throws(VecError) {
    let count = engine.exclusions.withLock { $0.setCount(of: collection.number) } + (newCounts[collection.number] ?? 0)
    guard count < Limits.excludeSetsMax else {
      throw VecError(
        .limitExceeded,
        "\(collection.name) has \(count) exclude sets, at most \(Limits.excludeSetsMax): forget some, or let them expire")
    }
  }

  private func checkMemory(_ grown: Int) throws(VecError) {
    let held = engine.exclusions.withLock { $0.counts.bytes } + addedBytes
    let limit = engine.exclusionBytesMax
    guard grown <= 0 || held + grown <= limit else {
      throw VecError(
        .limitExceeded,
        "exclude sets hold \(held) bytes of memory, at most \(limit), a quarter of what indexes may hold: forget some, let "
          + "them expire, or give vecd more memory")
    }
  }
}

extension ExclusionGroup {
  private func log(_ writer: Engine.Writer) throws(VecError) {
    let steps = accepted.compactMap(\.step)
    guard !steps.isEmpty else { return }
    try writer.manifest.logExclusions(
      byteCount: steps.reduce(0) { $0 + $1.byteCount }, makingRoom: steps.allSatisfy(\.isRemoval)
    ) { (transaction) throws(VecError) in
      for step in steps {
        switch step {
        case .append(let part, let row): try transaction.append(part, of: row)
        case .replace(let part, let row):
          try transaction.append(part, of: row)
          try transaction.deletePartsBeforeFirst(of: row)
        case .remove(let number): try transaction.deleteExclusionSet(number)
        }
      }
    }
  }

  private func apply() {
    engine.changeExclusions { book in
      for (key, entry) in changed { book.put(entry, name: key.name, collection: key.collection) }
    }
  }
}
