internal import Glibc
package import VecCore

/// Makes a snapshot beside a store's data: files under a temporary name, then one rename.
package struct SnapshotWriter {
  package static let directoryName = "snapshots"
  private let final: String
  private let temporary: String
  private let parent: String

  /// - Throws: `cannot-create` when the name is taken.
  package init(_ directory: StoreDirectory, name: String, uuid: UUID) throws(VecError) {
    parent = directory.path + "/" + Self.directoryName
    final = parent + "/" + name
    temporary = parent + "/.tmp-\(uuid)"
    _ = try SystemCall.makeDirectory(parent)
    // Also when it was there: who made it may not have come to this.
    try SystemCall.syncDirectory(directory.path)
    guard try SystemCall.status(final) == nil else {
      throw VecError(.cannotCreate, "there is a snapshot \(name) already: choose another name, or remove \(final)")
    }
    for path in [temporary, temporary + "/segments"] { _ = try SystemCall.makeDirectory(path) }
  }

  /// Where the manifest's copy goes.
  package var manifestPath: String { temporary + "/manifest.sqlite" }

  /// Links a segment of the store into the snapshot: the same file, which is never changed, under a second name.
  package func link(_ uuid: UUID, of directory: StoreDirectory) throws(VecError) {
    let (from, to) = (directory.segmentPath(uuid), segmentPath(uuid))
    _ = try SystemCall.retrying("link", from) { Glibc.link(from, to) }
  }

  package func segmentPath(_ uuid: UUID) -> String { "\(temporary)/segments/\(uuid)\(SegmentName.suffix)" }

  /// Lists the files, makes everything durable and gives the snapshot its name.
  /// - Returns: its path and what it holds.
  package func finish(segments: [UUID]) throws(VecError) -> (path: String, listing: SnapshotListing) {
    var entries = [try Self.entry("manifest.sqlite", in: temporary)]
    for uuid in segments { entries.append(try Self.entry("segments/\(uuid)\(SegmentName.suffix)", in: temporary)) }
    let listing = SnapshotListing(entries: entries)
    try removeStrangers()
    try Self.write(Array(listing.text.utf8), to: temporary + "/" + SnapshotListing.fileName)
    try Self.write([], to: temporary + "/LOCK")
    try OpenFile(manifestPath, O_RDWR).sync()
    for path in [temporary + "/segments", temporary] { try SystemCall.syncDirectory(path) }
    try SystemCall.renameNoReplace(temporary, to: final)
    try SystemCall.syncDirectory(parent)
    return (final, listing)
  }

  /// What SQLite may have left beside the manifest's copy when it was verified: restore takes no file that is not listed.
  private func removeStrangers() throws(VecError) {
    for name in try SystemCall.names(in: temporary) where !["manifest.sqlite", "segments"].contains(name) {
      _ = try SystemCall.unlink(temporary + "/" + name)
    }
  }

  /// Removes what was made so far.
  package func abandon() { Self.remove(temporary) }

  /// Removes what snapshots that were cut off have left.
  package static func removeLeftovers(in directory: StoreDirectory) {
    let parent = directory.path + "/" + directoryName
    for name in (try? SystemCall.names(in: parent)) ?? [] where name.hasPrefix(".tmp-") { remove(parent + "/" + name) }
  }

  private static func remove(_ directory: String) {
    for part in [directory + "/segments", directory] {
      for name in (try? SystemCall.names(in: part)) ?? [] where name != "segments" {
        _ = try? SystemCall.unlink(part + "/" + name)
      }
      rmdir(part)
    }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(VecError) {
    let file = try OpenFile(path, O_RDWR | O_CREAT | O_EXCL)
    try file.write(bytes, at: 0)
    try file.sync()
  }

  /// What a file of a snapshot is now.
  static func entry(_ path: String, in directory: String) throws(VecError) -> SnapshotListing.Entry {
    let file = try OpenFile(directory + "/" + path, OpenFile.readOnly)
    let buffer = Memory(1 << 20)
    var crc = CRC32C()
    var count = 0
    while true {
      let read = try file.read(into: buffer.bytes, at: count)
      if read == 0 { break }
      crc.update(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<read]))
      count += read
    }
    return SnapshotListing.Entry(path: path, byteCount: UInt64(count), checksum: crc.value)
  }
}
