import VecClient
import VecCore

/// What several writes of one command did.
struct WriteTally: Sendable {
  /// Where they went; nil before the first.
  private(set) var generation: String?
  private(set) var sequence: UInt64 = 0
  private(set) var writes: UInt64 = 0
  /// Rows or ids that were sent.
  private(set) var asked: UInt64 = 0
  /// Different ids in them, write by write.
  private var distinct: UInt64 = 0
  private(set) var existing: UInt64 = 0
  /// Rows or ids of writes that a lost connection made us send twice, and that had been carried out the first time:
  /// nobody knows how many of them were there before.
  private(set) var repeated: UInt64 = 0
  var seconds = 0.0

  mutating func add(_ receipt: WriteReceipt, _ ids: [UInt64]) {
    generation = receipt.generation
    sequence = receipt.sequence
    writes += 1
    asked += UInt64(ids.count)
    guard !receipt.isRepeated else {
      repeated += UInt64(ids.count)
      return
    }
    distinct += UInt64(Set(ids).count)
    existing += receipt.existing
  }

  /// Ids that had no row before.
  private var new: UInt64 { distinct - min(existing, distinct) }

  func json(collection: String) -> JSON {
    .object([
      ("collection", .string(collection)), ("generation", .optional(generation)), ("rows", .unsigned(asked)),
      ("replaced", .unsigned(existing)), ("new", .unsigned(new)), ("repeated", .unsigned(repeated)),
      ("writes", .unsigned(writes)), ("sequence", .unsigned(sequence)), ("seconds", .double(seconds)),
    ])
  }

  func text(collection: String) -> String {
    "\(collection): \(Readable.count(asked, "row", "rows")) in generation \(generation ?? ""), "
      + "\(Readable.count(existing)) replaced, \(Readable.count(new)) new\(repeatedText), sequence \(sequence)"
  }

  func deletedJSON(collection: String) -> JSON {
    .object([
      ("collection", .string(collection)), ("generation", .optional(generation)), ("ids", .unsigned(asked)),
      ("deleted", .unsigned(existing)), ("repeated", .unsigned(repeated)), ("writes", .unsigned(writes)),
      ("sequence", .unsigned(sequence)),
    ])
  }

  func deletedText(collection: String) -> String {
    "\(collection): \(Readable.count(existing)) of \(Readable.count(asked, "id", "ids")) deleted from generation "
      + "\(generation ?? "")\(repeatedText), sequence \(sequence)"
  }

  private var repeatedText: String { repeated > 0 ? ", \(Readable.count(repeated)) sent twice" : "" }
}

extension VecClient {
  /// A write of many: `overloaded` says that the daemon needs time to seal, so it gets some, up to a minute in all.
  ///
  /// Not a child of a task that Ctrl-C cancels: once a write is sent, only its answer tells what became of it.
  func patiently(
    _ write: @escaping @Sendable (VecClient) async throws -> WriteReceipt
  ) async throws -> WriteReceipt {
    var pause = Duration.milliseconds(100)
    let end = ContinuousClock.now + .seconds(60)
    while true {
      do {
        return try await Task { try await write(self) }.value
      } catch let error as VecError where error.code == .overloaded && ContinuousClock.now < end {
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(2))
      }
    }
  }
}
