import VecCore

/// The data of an npy file, read row after row into one bounded buffer.
final class NpyReader {
  let stream: ByteStream
  let type: NpyType
  let rowCount: Int
  /// Values per row.
  let width: Int
  /// Rows handed out so far.
  private(set) var position = 0
  private let scratch: UnsafeMutableRawBufferPointer

  /// Bytes of file data per block.
  static let blockBytes = 4 << 20

  /// `stream` stands after the header. `width` is the caller's to bound.
  init(stream: ByteStream, type: NpyType, rows: Int, width: Int) throws(VecError) {
    self.stream = stream
    self.type = type
    self.rowCount = rows
    self.width = width
    let rowBytes = max(1, width * type.byteCount)
    let blockRows = max(1, min(rows, Limits.ingestRowsMax, Self.blockBytes / rowBytes))
    scratch = .allocate(byteCount: blockRows * rowBytes, alignment: 64)
    if let byteCount = stream.byteCount { try checkLength(byteCount, rowBytes: rowBytes) }
  }

  /// Of a file with one value per row.
  /// - Parameter type: what the file's description makes of the name that is given to it.
  convenience init(
    columnAt path: String, type: (NpyDescription, String) throws(VecError) -> NpyType
  ) throws(VecError) {
    let stream = try ByteStream(path: path)
    let header = try NpyHeader(from: stream)
    let type = try type(header.description, stream.name)
    let (rows, width) = try header.rows(rank: 1, shapeName: "(rows,)", stream: stream)
    try self.init(stream: stream, type: type, rows: rows, width: width)
  }

  deinit { scratch.deallocate() }

  var blockRowsMax: Int { scratch.count / max(1, width * type.byteCount) }

  /// The next rows, at most `limit`, still borrowed until the next call; nil after the last. There the end is checked.
  func next(limit: Int = .max) throws(VecError) -> (firstRow: Int, rows: Int, bytes: UnsafeRawBufferPointer)? {
    guard position < rowCount else {
      try stream.finish()
      return nil
    }
    let rows = min(limit, blockRowsMax, rowCount - position)
    let rowBytes = width * type.byteCount
    let target = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(rows * rowBytes)])
    let found = try stream.read(into: target)
    guard found == target.count else { throw truncated(whole: position + found / max(1, rowBytes)) }
    let first = position
    position += rows
    return (first, rows, UnsafeRawBufferPointer(target))
  }

  /// The length of a file is known at once, so nothing is sent of one that is too short.
  private func checkLength(_ byteCount: UInt64, rowBytes: Int) throws(VecError) {
    let present = byteCount - min(byteCount, stream.position)
    let expected = UInt64(rowCount) * UInt64(width * type.byteCount)
    if present < expected { throw truncated(whole: Int(present / UInt64(rowBytes))) }
    if present > expected {
      throw stream.malformed(
        "\(present - expected) bytes are left over after its \(rowCount) rows; the header and the data do not agree")
    }
  }

  private func truncated(whole: Int) -> VecError {
    stream.malformed(
      "is cut short: its header promises \(rowCount) rows of \(width) values, \(whole) are there, "
        + "\(rowCount - whole) are missing")
  }
}
