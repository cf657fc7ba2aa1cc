import CSQLite
import VecCore

/// The one connection to the manifest's database: a thin face over SQLite's C API, for one thread at a time.
///
/// Settings follow the order that matters: `locking_mode=EXCLUSIVE` before WAL (no shared-memory file, and no second
/// connection, which Debian's SQLite 3.40.1 would not survive: its WAL-reset race corrupts), `synchronous=FULL` (a
/// commit is one fsync of the log), no checkpoint but those asked for (SQLite's own hide their errors), no memory map,
/// and the guards SQLite recommends for files of unknown origin.
final class SQLiteConnection {
  private let handle: OpaquePointer
  private let path: String
  private var statements: [String: SQLiteStatement] = [:]

  init(path: String) throws(VecError) {
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let status = sqlite3_open_v2(path, &opened, flags, nil)
    guard status == SQLITE_OK, let opened else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw VecError(.cannotCreate, "manifest \(path) cannot be opened: \(message)")
    }
    handle = opened
    self.path = path
    do {
      try configure()
    } catch {
      close(keepingLog: true)
      throw error
    }
  }

  private func configure() throws(VecError) {
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0)
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 16 << 20)
    for pragma in [
      "page_size=4096", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=OFF",
      "wal_autocheckpoint=0", "mmap_size=0", "temp_store=MEMORY", "trusted_schema=OFF", "cell_size_check=ON",
      "foreign_keys=OFF",
    ] {
      try execute("PRAGMA \(pragma)")
    }
  }

  /// Runs statements that return nothing of interest.
  func execute(_ sql: String) throws(VecError) {
    var message: UnsafeMutablePointer<CChar>?
    let status = sqlite3_exec(handle, sql, nil, nil, &message)
    defer { sqlite3_free(message) }
    guard status == SQLITE_OK else { throw failure(status) }
  }

  /// A prepared statement, kept for the next call with the same text; reset and unbound.
  func prepare(_ sql: String) throws(VecError) -> SQLiteStatement {
    if let cached = statements[sql] {
      cached.reset()
      return cached
    }
    var prepared: OpaquePointer?
    let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard status == SQLITE_OK, let prepared else { throw failure(status) }
    let statement = SQLiteStatement(prepared, of: self)
    statements[sql] = statement
    return statement
  }

  /// Finalises the kept statements on a table that is about to go.
  func forgetStatements(mentioning table: String) {
    for (sql, statement) in statements where sql.split(whereSeparator: { $0 == " " || $0 == "\n" }).contains(Substring(table)) {
      statement.finalize()
      statements[sql] = nil
    }
  }

  /// Moves the log into the database file.
  ///
  /// - Parameter emptying: cuts the log to nothing. Otherwise the next transaction overwrites it from the front, which
  ///   makes syncs cheaper, as the file does not grow.
  func checkpoint(emptying: Bool = true) throws(VecError) {
    let mode = emptying ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART
    let status = sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
    guard status == SQLITE_OK else { throw failure(status) }
  }

  /// Copies the database with what its log holds, without unused pages (VACUUM INTO). SQLite attaches the target for it.
  func copy(to path: String) throws(VecError) {
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1)
    defer { sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0) }
    let statement = try prepare("VACUUM INTO ?")
    do {
      try statement.run([.text(path)])
    } catch {
      // A page that cannot be read ends this command with the codes of damage; what is damaged, a check tells.
      throw error.code == .manifestDamaged
        ? VecError(.ioError, "\(error.message) while it was copied; try again, and if it stays, run verify") : error
    }
  }

  /// - Parameter keepingLog: leaves a log that is not empty alone. SQLite would fold it, which repeats a sync that may
  ///   have failed, and then remove what may be the only good copy.
  func close(keepingLog: Bool) {
    if keepingLog { _ = csqlite_keep_log_on_close(handle) }
    for statement in statements.values { statement.finalize() }
    statements = [:]
    sqlite3_close_v2(handle)
  }

  /// The error for a result code: full, damaged, in use, refused, or else an I/O error whose outcome is unknown.
  func failure(_ status: Int32) -> VecError {
    let message = "manifest \(path): \(String(cString: sqlite3_errmsg(handle))) (SQLite code \(status))"
    switch status & 0xFF {
    case SQLITE_FULL: return VecError(.storageFull, "\(message); free some space and try again")
    // The statements are constants, so what does not fit them (SQLITE_ERROR) is the file's schema.
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR: return VecError(.manifestDamaged, message)
    case SQLITE_BUSY, SQLITE_LOCKED: return VecError(.storeInUse, "\(message): another process has it open")
    case SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: return VecError(.permissionDenied, message)
    case SQLITE_CANTOPEN: return VecError(.cannotCreate, message)
    case SQLITE_CONSTRAINT, SQLITE_MISUSE: return VecError(.internalDefect, message)
    default: return VecError(.ioError, message)
    }
  }
}
