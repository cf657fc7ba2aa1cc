import Synchronization
import VecCore
import VecManifest

/// The named sets of one kind as an engine holds them. Changed under the writer lock only; searches look one up, and hold what
/// they found.
final class NamedSets<Content: NamedSetContent>: Sendable {
  private let held: Mutex<NamedSetBook<Content>>
  private let memory: MemoryLedger
  /// Bytes of memory that all sets together may take.
  var bytesMax: Int { max(1 << 20, memory.budget / 4) }

  /// What the manifest has of them. Sets of collections that cannot be believed stay where they are.
  ///
  /// - Parameter report: told of damaged sets: the collection, if it is known, and what is wrong.
  init(
    of catalogue: Catalogue, in manifest: Manifest, _ memory: MemoryLedger, report: (String, String) -> Void
  ) throws(VecError) {
    let known = Dictionary(uniqueKeysWithValues: catalogue.collections.map { ($0.row.number, $0.row.name) })
    let isWhole = catalogue.damaged.isEmpty
    var strays: [DamagedSet] = []
    var book = NamedSetBook<Content>()
    var findings = try manifest.readSets(Content.kind) { (row, parts) throws(VecError) in
      if known[row.collection] != nil { try book.adopt(row, parts) } else if isWhole { strays.append(.stray(row)) }
    }
    findings.damaged += strays
    for damage in findings.damaged {
      book.adopt(damage, known: Set(known.keys))
      report(damage.owner.flatMap { known[$0.collection] } ?? "", damage.message(Content.kind))
    }
    book.nextNumber = findings.nextNumber
    memory.take(book.counts.bytes)
    held = Mutex(book)
    self.memory = memory
  }

  /// As it is now; a copy is cheap, and does not stay.
  var book: NamedSetBook<Content> { held.withLock { $0 } }

  var counts: NamedSetCounts { held.withLock { $0.counts } }

  /// - Throws: `manifest-damaged` for a set that cannot be believed, or may be one.
  func entry(_ name: String, of collection: CollectionRow) throws(VecError) -> NamedSetBook<Content>.Entry? {
    try held.withLock { (book) throws(VecError) in try book.entry(name, of: collection) }
  }

  /// Changes the sets in memory, under the writer lock.
  func change(_ change: (inout NamedSetBook<Content>) -> Void) {
    let grown = held.withLock { book in
      let before = book.counts.bytes
      change(&book)
      return book.counts.bytes - before
    }
    memory.take(grown)
  }

  /// Removes sets whose content is as asked for, in one commit.
  ///
  /// - Returns: how many; as many as `limit` when there may be more.
  func remove(
    limit: Int, from manifest: Manifest, where isOver: (Content) -> Bool
  ) throws(VecError) -> Int {
    // The copy is let go before anything changes: searches do not wait for the look.
    let ended = book.rows(limit: limit, where: isOver)
    guard !ended.isEmpty else { return 0 }
    try manifest.logSets(Content.kind, byteCount: 8_192 * ended.count, makingRoom: true) { (transaction) throws(VecError) in
      for row in ended { try transaction.deleteSet(row.number, Content.kind) }
    }
    change { book in
      for row in ended { book.put(nil, name: row.name, collection: row.collection) }
    }
    return ended.count
  }
}

extension Engine {
  /// Carries out changes of named sets of one kind.
  func change<Content>(_ sets: NamedSets<Content>, _ writes: [NamedSetWrite]) -> [Result<UInt64, VecError>] {
    do throws(VecError) {
      return try withWriter { (writer) throws(VecError) in NamedSetGroup.commit(writes, to: sets, in: self, &writer) }
    } catch {
      return writes.map { _ in .failure(error) }
    }
  }
}

/// Figures for `stats`.
package struct NamedSetCounts: Sendable, Equatable {
  package var sets = 0
  package var ids = 0
  package var bytes = 0
  package var damaged = 0
}
