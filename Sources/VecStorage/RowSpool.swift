internal import Glibc
internal import Synchronization
package import VecCore

/// Rows of an ingest on their way to a segment: appended in order, then read back in blocks.
///
/// The file has no name from the start, so neither a crash nor an abandoned ingest leaves anything. What is read back
/// is held against a checksum of what was appended. Not for use from two threads at once.
package final class RowSpool {
  private static let fallbackCount = Atomic<UInt64>(0)

  private let file: OpenFile
  private let pending = Memory(Limits.blockBytes)
  private var pendingCount = 0
  private var written = 0
  private var checksum = CRC32C()

  package init(directory: StoreDirectory) throws(VecError) {
    file = try Self.openNameless(in: directory.spoolPath)
  }

  /// Bytes appended so far.
  package var byteCount: Int { written + pendingCount }

  package func append(_ bytes: UnsafeRawBufferPointer) throws(VecError) {
    if bytes.count > pending.bytes.count - pendingCount { try flush() }
    // Large pieces go to the file as they are; small ones wait for each other.
    if bytes.count > pending.bytes.count {
      try file.write(bytes, at: written)
      written += bytes.count
    } else {
      UnsafeMutableRawBufferPointer(rebasing: pending.bytes[pendingCount...]).copyMemory(from: bytes)
      pendingCount += bytes.count
    }
    checksum.update(bytes)
  }

  /// Hands out all bytes in order, in blocks of `blockSize` bytes, only the last shorter. May be repeated.
  ///
  /// - Throws: what `body` throws; `io-error` after the last block when the bytes are not those appended.
  package func readBack(
    blockSize: Int = Limits.blockBytes, _ body: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    guard blockSize > 0 else { throw VecError(.internalDefect, "row spool: a block size of \(blockSize)") }
    try flush()
    let block = Memory(min(blockSize, max(written, 1)))
    var seen = CRC32C()
    for offset in stride(from: 0, to: written, by: blockSize) {
      let piece = UnsafeMutableRawBufferPointer(rebasing: block.bytes[..<min(blockSize, written - offset)])
      guard try file.read(into: piece, at: offset) == piece.count else {
        throw VecError(.ioError, "row spool \(file.path): ends at byte \(offset), \(written) were written")
      }
      seen.update(UnsafeRawBufferPointer(piece))
      try body(UnsafeRawBufferPointer(piece))
    }
    guard seen.value == checksum.value else {
      throw VecError(.ioError, "row spool \(file.path): the bytes read back are not those written")
    }
  }

  private func flush() throws(VecError) {
    guard pendingCount > 0 else { return }
    try file.write(UnsafeRawBufferPointer(rebasing: pending.bytes[..<pendingCount]), at: written)
    written += pendingCount
    pendingCount = 0
  }

  private static func openNameless(in directory: String) throws(VecError) -> OpenFile {
    // O_TMPFILE is a macro of several bits, which Swift does not import.
    let temporary = 0o20_000_000 | O_DIRECTORY
    do throws(VecError) { return try OpenFile(directory, O_RDWR | temporary) } catch {
      // File systems that cannot: a name that lives for a moment, and that a start removes.
      let path = "\(directory)/\(SegmentName.temporaryPrefix)spool-\(fallbackCount.add(1, ordering: .relaxed).newValue)"
      let file = try OpenFile(path, O_RDWR | O_CREAT | O_EXCL)
      _ = try SystemCall.unlink(path)
      return file
    }
  }
}
