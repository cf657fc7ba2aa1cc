import CSQLite
import VecCore

/// One prepared statement: bind from 1, step, read columns from 0.
final class SQLiteStatement {
  private let handle: OpaquePointer
  private unowned let connection: SQLiteConnection

  init(_ handle: OpaquePointer, of connection: SQLiteConnection) {
    self.handle = handle
    self.connection = connection
  }

  func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  func finalize() { sqlite3_finalize(handle) }

  /// Binds values to parameters 1, 2, ... and steps once; for statements that return no rows.
  func run(_ values: [SQLiteValue]) throws(VecError) {
    try bind(values)
    _ = try step()
    reset()
  }

  /// The same with a last parameter that is not copied.
  func run(_ values: [SQLiteValue], last: [UInt8]) throws(VecError) {
    try bind(values)
    defer { reset() }
    try last.withUnsafeBufferPointer { (bytes) throws(VecError) in
      // A null pointer would bind NULL.
      let start = bytes.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(bitPattern: 8)
      let status = sqlite3_bind_blob64(handle, Int32(values.count + 1), start, UInt64(bytes.count), nil)
      guard status == SQLITE_OK else { throw connection.failure(status) }
      _ = try step()
    }
  }

  func bind(_ values: [SQLiteValue]) throws(VecError) {
    for (position, value) in values.enumerated() {
      let index = Int32(position + 1)
      let status =
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let number): sqlite3_bind_int64(handle, index, number)
        case .text(let text): sqlite3_bind_text(handle, index, text, -1, Self.copied)
        case .blob(let bytes): sqlite3_bind_blob(handle, index, bytes, Int32(bytes.count), Self.copied)
        }
      guard status == SQLITE_OK else { throw connection.failure(status) }
    }
  }

  /// True when a row is there to be read.
  func step() throws(VecError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let status:
      let error = connection.failure(status)
      reset()
      throw error
    }
  }

  func value(_ column: Int32) -> SQLiteValue {
    switch sqlite3_column_type(handle, column) {
    case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, column))
    case SQLITE_TEXT:
      guard let text = sqlite3_column_text(handle, column) else { return .null }
      return .text(String(cString: text))
    case SQLITE_BLOB:
      let count = Int(sqlite3_column_bytes(handle, column))
      guard count > 0, let bytes = sqlite3_column_blob(handle, column) else { return .blob([]) }
      return .blob([UInt8](UnsafeRawBufferPointer(start: bytes, count: count)))
    default: return .null
    }
  }

  /// All rows of the statement, `columns` values each.
  func rows(columns: Int32) throws(VecError) -> [[SQLiteValue]] {
    var out: [[SQLiteValue]] = []
    while try step() { out.append((0..<columns).map { value($0) }) }
    reset()
    return out
  }

  /// SQLite copies the value before the call returns (SQLITE_TRANSIENT).
  nonisolated(unsafe) private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}

/// A column's value. Floats do not occur in the manifest.
enum SQLiteValue: Equatable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])
}
