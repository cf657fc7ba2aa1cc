import Glibc
import VecCore

/// The manifest's log (`manifest.sqlite-wal`), judged before SQLite opens it.
///
/// SQLite takes a log up to its first bad frame and drops the rest without a word. That is right for the one transaction
/// that a crash cut off, and silent loss when the disk changed a bit further ahead. Frames are as SQLite documents them
/// (fileformat2.html, section 4): a log of 32 bytes of header and frames of 24 + page bytes, checksums cumulative.
package struct ManifestLog {
  package enum Condition: Equatable {
    /// Empty, or complete transactions only.
    case whole
    /// Ends in the middle of a transaction, as a crash leaves it.
    case torn
    /// The frame is bad and its transaction goes on to its commit: one transaction in flight whose frames reached the
    /// disk out of order, or one committed whose bytes changed since.
    case doubtful(frame: Int)
    /// The frame is bad and frames of a later transaction follow: no crash leaves that.
    case damaged(frame: Int)
  }

  private static let headerBytes = 32
  private static let frameHeaderBytes = 24
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var condition: Condition {
    let start = Self.headerBytes
    guard bytes.count >= start + Self.frameHeaderBytes else { return bytes.isEmpty ? .whole : .torn }
    let isHeaderGood = isHeaderGood
    // A header that cannot be believed is replaced by what its frames say; manifests have pages of 4096 bytes.
    let frameBytes = Self.frameHeaderBytes + (isHeaderGood ? Int(word(8)) : 4096)
    let salts = isHeaderGood ? pair(16) : pair(start + 8)
    var sum = pair(24)
    var isCommitted = true
    var firstBad = isHeaderGood ? nil : 0
    var hasBadCommit = false
    for (number, frame) in stride(from: start, through: bytes.count - frameBytes, by: frameBytes).enumerated() {
      let isOfThisLog = pair(frame + 8) == salts
      let isCommit = word(frame + 4) != 0
      if firstBad == nil {
        let next = checksum(checksum(sum, frame, 8), frame + Self.frameHeaderBytes, frameBytes - Self.frameHeaderBytes)
        if isOfThisLog, word(frame) != 0, pair(frame + 16) == next {
          (sum, isCommitted) = (next, isCommit)
          continue
        }
        firstBad = number
      }
      guard isOfThisLog else { continue }
      if hasBadCommit { return .damaged(frame: firstBad ?? 0) }
      hasBadCommit = isCommit
    }
    if let firstBad, hasBadCommit { return .doubtful(frame: firstBad) }
    let isFull = (bytes.count - start) % frameBytes == 0
    return firstBad == nil && isCommitted && isFull ? .whole : .torn
  }

  private var isHeaderGood: Bool {
    let page = word(8)
    return word(0) & ~1 == 0x377F_0682 && (512...65_536).contains(page) && page & (page - 1) == 0
      && checksum(Pair(0, 0), 0, 24) == pair(24)
  }
}

extension ManifestLog {
  private struct Pair: Equatable {
    var first: UInt32
    var second: UInt32

    init(_ first: UInt32, _ second: UInt32) { (self.first, self.second) = (first, second) }
  }

  /// Big-endian, as all numbers of the log are.
  private func word(_ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }

  private func pair(_ at: Int) -> Pair { Pair(word(at), word(at + 4)) }

  /// SQLite's checksum goes on from `sum` over words whose byte order the lowest bit of the header's magic tells.
  private func checksum(_ sum: Pair, _ at: Int, _ count: Int) -> Pair {
    let isBigEndian = bytes[3] & 1 == 1
    var sum = sum
    for place in stride(from: at, to: at + count, by: 8) {
      let words = pair(place)
      sum.first &+= (isBigEndian ? words.first : words.first.byteSwapped) &+ sum.second
      sum.second &+= (isBigEndian ? words.second : words.second.byteSwapped) &+ sum.first
    }
    return sum
  }
}

extension ManifestLog {
  /// Judges the log of the database at `path`. A doubtful one is copied beside it, because SQLite is about to drop it.
  ///
  /// - Returns: why files that the manifest does not know must stay, as long as such a copy is there; nil otherwise.
  /// - Throws: `.manifestDamaged` when opening would lose transactions that were finished.
  static func examine(databaseAt path: String) throws(VecError) -> String? {
    let log = path + "-wal"
    let copy = path + "-wal.doubtful"
    let bytes = try read(log)
    switch ManifestLog(bytes).condition {
    case .whole, .torn: break
    case .doubtful: try write(bytes, to: copy)
    case .damaged(let frame):
      throw VecError(
        .manifestDamaged,
        "the manifest's log \(log) is damaged at frame \(frame) and holds later changes: put a backup of the store in "
          + "place, or move this file away to go on without the changes in it")
    }
    guard access(copy, F_OK) == 0 else { return nil }
    return "the manifest's log was damaged in its last transaction; \(copy) is a copy of it: remove it once nothing is missed"
  }

  private static func read(_ path: String) throws(VecError) -> [UInt8] {
    guard let file = fopen(path, "re") else {
      if errno == ENOENT { return [] }
      throw failure("open", path)
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      bytes += piece[..<count]
      if count < piece.count { break }
    }
    guard ferror(file) == 0 else { throw failure("read", path) }
    return bytes
  }

  /// Durable when it returns: the original is gone soon after.
  private static func write(_ bytes: [UInt8], to path: String) throws(VecError) {
    guard let file = fopen(path, "we") else { throw failure("create", path) }
    defer { fclose(file) }
    let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count && fflush(file) == 0 && fsync(fileno(file)) == 0
    guard isWritten, syncDirectory(of: path) else { throw failure("write", path) }
  }

  private static func syncDirectory(of path: String) -> Bool {
    let directory = open(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)) + "/", O_RDONLY | O_CLOEXEC)
    guard directory >= 0 else { return false }
    defer { close(directory) }
    return fsync(directory) == 0
  }

  private static func failure(_ call: String, _ path: String) -> VecError {
    let number = errno
    return VecError(
      number == ENOSPC || number == EDQUOT ? .storageFull : .ioError,
      "\(call) of \(path) failed: \(String(cString: strerror(number)))")
  }
}
