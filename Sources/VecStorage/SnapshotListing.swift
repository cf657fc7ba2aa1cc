package import VecCore

/// The list of a snapshot's files with their lengths and checksums: `snapshot.tsv`, a line per file and one at the end that
/// covers the lines before (Formats/snapshot.md).
package struct SnapshotListing: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    /// Relative to the snapshot.
    package var path: String
    package var byteCount: UInt64
    /// CRC32C over the whole file.
    package var checksum: UInt32

    package init(path: String, byteCount: UInt64, checksum: UInt32) {
      self.path = path
      self.byteCount = byteCount
      self.checksum = checksum
    }
  }

  package static let fileName = "snapshot.tsv"
  private static let heading = "vecd-snapshot\t1"
  /// A listing longer than this is none of ours.
  package static let byteCountMax = 64 << 20

  package var entries: [Entry]

  package init(entries: [Entry]) { self.entries = entries }

  package var text: String {
    var lines = Self.heading + "\n"
    for entry in entries { lines += "\(entry.path)\t\(entry.byteCount)\t\(entry.checksum)\n" }
    return lines + "end\t\(entries.count)\t\(Self.checksum(lines))\n"
  }

  /// - Throws: `unsupported-format` for another version, `malformed-file` for anything else that is not whole.
  package init(text: String) throws(VecError) {
    guard text.hasPrefix("vecd-snapshot\t") else { throw Self.malformed("it does not begin with vecd-snapshot") }
    guard text.hasPrefix(Self.heading + "\n") else {
      throw VecError(.unsupportedFormat, "\(Self.fileName) is of another version than 1; use the vecd that wrote it")
    }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.popLast() == "", let last = lines.popLast() else { throw Self.malformed("its last line is cut") }
    let covered = lines.joined(separator: "\n") + "\n"
    guard last == "end\t\(lines.count - 1)\t\(Self.checksum(covered))" else {
      throw Self.malformed("its last line does not fit the lines before it")
    }
    entries = []
    for line in lines.dropFirst() {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count == 3, Self.isAllowed(fields[0]), let byteCount = UInt64(fields[1]),
        let checksum = UInt32(fields[2])
      else { throw Self.malformed("line \(entries.count + 2) is not path, bytes and checksum") }
      entries.append(Entry(path: String(fields[0]), byteCount: byteCount, checksum: checksum))
    }
  }

  /// Nothing but what a snapshot holds, so that no path leads out of it.
  private static func isAllowed(_ path: Substring) -> Bool {
    if path == "manifest.sqlite" { return true }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && parts[0] == "segments" && SegmentName.uuid(in: String(parts[1])) != nil
  }

  private static func checksum(_ text: String) -> UInt32 { Array(text.utf8).withUnsafeBytes { CRC32C.of($0) } }

  private static func malformed(_ what: String) -> VecError {
    VecError(.malformedFile, "\(fileName) is damaged: \(what); the snapshot cannot be trusted")
  }
}
