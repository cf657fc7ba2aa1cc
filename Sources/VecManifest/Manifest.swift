package import VecCore

/// The manifest of a store: which collections, generations and segments there are, in one SQLite file.
///
/// For one thread at a time (the engine holds it under a lock). After a commit whose outcome is unknown (any I/O error)
/// every later transaction is refused until the store is opened again: a sync that failed once must not be retried.
///
/// The log is folded into the database before anyone is told of a change of the catalogue or reads it: SQLite drops a log
/// from its first bad frame on without a word, and its own checks see the database only. Single writes (`log`) stay in the
/// log for a while, as folding costs more than writing them; what a crash leaves of it is judged before the next start
/// (`ManifestLog`), and a clean stop folds it.
package final class Manifest {
  package static let applicationID: Int64 = 0x7665_6364  // "vecd"
  /// 1: the catalogue. 2: single writes too. 3: attributes and exclude sets too. 4: models, settings and captures too.
  /// 5: bias sets too. 6: string ids too.
  package static let schemaVersion: Int64 = 6
  /// Bytes of log from which on it is folded before the next write is added.
  private static let logBytesMax = 4 << 20

  let connection: SQLiteConnection
  private let path: String
  private var ballast: Ballast
  /// What the log holds, about.
  private var logByteCount = 0
  /// Why no more transactions are taken until the store is opened again.
  package private(set) var poison: VecError?
  /// Why files that the manifest does not know must be kept: its log was damaged in a way that a crash may explain.
  package let doubt: String?

  /// Opens the manifest at `path`, or makes an empty one that carries `newStoreUUID`; nil when it must be there.
  ///
  /// - Parameter ballastByteCount: room to hold back for changes that make room.
  package init(path: String, newStoreUUID: UUID?, ballastByteCount: Int = 0) throws(VecError) {
    self.path = path
    ballast = Ballast(path: path + "-ballast", byteCount: ballastByteCount)
    doubt = try ManifestLog.examine(databaseAt: path)
    connection = try SQLiteConnection(path: path)
    do {
      try prepareSchema(newStoreUUID)
      try foldAtStart()
      try holdBallast()
    } catch {
      connection.close(keepingLog: true)
      throw error
    }
  }

  /// A store on a full disk opens without.
  private func holdBallast() throws(VecError) {
    do {
      try ballast.takeBack()
      try ballast.fill()
    } catch where error.code != .storageFull {
      throw error
    } catch {}
  }

  /// Room that is held back for changes that make room; less once it was needed.
  package var ballastByteCount: Int { ballast.heldByteCount }

  /// Frees most of the ballast for a compaction, and adds nothing until `takeBallastBack`. False when there is none.
  package func lendBallast() -> Bool { ballast.lend() }

  /// Ends a loan, and holds back again what room there is by now.
  package func takeBallastBack() throws(VecError) { try holdBallast() }

  /// Writes a copy of the database as of now to a path where nothing is.
  package func copy(to path: String) throws(VecError) {
    if let poison { throw poison }
    try connection.copy(to: path)
  }

  package func close() {
    connection.close(keepingLog: poison != nil)
    ballast.close()
  }

  /// Runs `body` in one transaction: all of it durable when this returns, none of it when it throws, but for
  /// `.outcomeUnknown`, when only the next start can tell.
  ///
  /// - Parameter makingRoom: the change frees more than it takes, so on a full disk the ballast is for it. `body` may be
  ///   run several times then.
  package func transaction<T>(
    makingRoom: Bool = false, _ body: (ManifestTransaction) throws(VecError) -> T
  ) throws(VecError) -> T {
    let result = try commit(makingRoom, body)
    try fold()
    return result
  }

  /// The same for single writes, which stay in the log: one sync.
  ///
  /// - Parameter byteCount: of what `body` writes, about.
  package func log<T>(
    byteCount: Int, makingRoom: Bool = false, _ body: (ManifestTransaction) throws(VecError) -> T
  ) throws(VecError) -> T {
    if logByteCount > 0, logByteCount + byteCount > Self.logBytesMax { try foldBeforehand(makingRoom) }
    let result = try commit(makingRoom, body)
    logByteCount += byteCount
    return result
  }

  /// Folds before anything is added. A full disk only puts it off: nothing was synced in vain, the log is as it was.
  private func foldBeforehand(_ isMakingRoom: Bool) throws(VecError) {
    if let poison { throw poison }
    do {
      try withBallast(isMakingRoom) { () throws(VecError) in try connection.checkpoint(emptying: false) }
      logByteCount = 0
    } catch {
      throw error.code == .storageFull ? error : poisoned(by: error)
    }
  }

  /// On a full disk spends the ballast piece by piece and does it again each time.
  private func withBallast<T>(_ isForIt: Bool, _ body: () throws(VecError) -> T) throws(VecError) -> T {
    while true {
      do {
        return try body()
      } catch {
        guard isForIt, error.code == .storageFull, ballast.spend() else { throw error }
      }
    }
  }

  /// On a full disk the store opens all the same, to be read.
  private func foldAtStart() throws(VecError) {
    do {
      try connection.checkpoint()
    } catch {
      guard error.code == .storageFull else { throw error }
      logByteCount = Self.logBytesMax
    }
  }

  private func commit<T>(
    _ isMakingRoom: Bool, _ body: (ManifestTransaction) throws(VecError) -> T
  ) throws(VecError) -> T {
    if let poison { throw poison }
    if !isMakingRoom { try ballast.fill() }
    return try withBallast(isMakingRoom) { () throws(VecError) in try commit(body) }
  }

  private func commit<T>(_ body: (ManifestTransaction) throws(VecError) -> T) throws(VecError) -> T {
    let transaction = ManifestTransaction(connection)
    let result: T
    do {
      try connection.execute("BEGIN IMMEDIATE")
      result = try body(transaction)
      try transaction.seal()
    } catch {
      try? connection.execute("ROLLBACK")
      throw poisoned(by: error)
    }
    do {
      try connection.execute("COMMIT")
    } catch {
      try? connection.execute("ROLLBACK")
      throw poisoned(by: error.code == .ioError ? VecError(.outcomeUnknown, error.message) : error)
    }
    return result
  }

  /// Whatever the reason of a failure, the transaction is in the log, and nothing may be added to one that could not be
  /// folded.
  private func fold() throws(VecError) {
    do {
      try withBallast(true) { () throws(VecError) in try connection.checkpoint() }
      logByteCount = 0
    } catch {
      throw poisoned(
        by: VecError(.outcomeUnknown, "\(error.message); the change was written, the next start tells whether it counts"))
    }
  }

  /// Refuses every later transaction: for an I/O error outside the manifest after which nothing more may be promised.
  package func stopWriting(because error: VecError) {
    // Of what comes from now on the outcome is known: nothing is done.
    let code: VecErrorCode = error.code == .outcomeUnknown ? .ioError : error.code
    poison = poison ?? VecError(code, "\(error.message); writing has stopped, restart vecd")
  }

  private func poisoned(by error: VecError) -> VecError {
    if error.mayHaveHappened || error.code == .manifestDamaged { stopWriting(because: error) }
    return error
  }

  private func prepareSchema(_ newStoreUUID: UUID?) throws(VecError) {
    let application = try pragma("application_id")
    let version = try pragma("user_version")
    if application == 0, version == 0, try tableCount() == 0 {
      guard let newStoreUUID else {
        throw VecError(
          .manifestDamaged,
          "manifest \(path) is missing or empty, but the store has segments: put a backup of the store in place")
      }
      try createSchema(newStoreUUID)
      return
    }
    guard application == Self.applicationID else {
      throw VecError(.manifestDamaged, "manifest \(path) is a database of something else (application_id \(application))")
    }
    guard (1...Self.schemaVersion).contains(version) else {
      throw VecError(
        .unsupportedFormat,
        "manifest \(path) has schema version \(version), this vecd reads 1 to \(Self.schemaVersion); use the newer vecd")
    }
  }

  /// Executes `Formats/manifest.sql` and the files that add to it, which the build embeds.
  private func createSchema(_ storeUUID: UUID) throws(VecError) {
    try connection.execute("BEGIN IMMEDIATE")
    try connection.execute(Self.schema)
    try connection.prepare("INSERT INTO store (key, value) VALUES ('store_uuid', ?)").run([.blob(storeUUID.bytes)])
    let transaction = ManifestTransaction(connection)
    try transaction.setNextNumber(1)
    try transaction.addModels()
    try transaction.seal()
    try connection.execute("PRAGMA application_id=\(Self.applicationID)")
    try connection.execute("COMMIT")
  }

  /// The schema text, for the test that holds it equal to `Formats/manifest.sql`.
  package static var schema: String { String(decoding: PackageResources.manifest_sql, as: UTF8.self) }

  /// The same of `Formats/manifest-writes.sql`.
  package static var writesSchema: String { String(decoding: PackageResources.manifest_writes_sql, as: UTF8.self) }

  /// The same of `Formats/manifest-attributes.sql`.
  package static var attributesSchema: String {
    String(decoding: PackageResources.manifest_attributes_sql, as: UTF8.self)
  }

  private func pragma(_ name: String) throws(VecError) -> Int64 {
    let rows = try connection.prepare("PRAGMA \(name)").rows(columns: 1)
    guard case .integer(let value)? = rows.first?.first else { return 0 }
    return value
  }

  private func tableCount() throws(VecError) -> Int64 {
    let rows = try connection.prepare("SELECT count(*) FROM sqlite_schema").rows(columns: 1)
    guard case .integer(let value)? = rows.first?.first else { return 0 }
    return value
  }
}
