internal import Glibc
package import VecCore

/// Makes a store out of a snapshot: everything is verified first, copied into a directory beside the new one, verified
/// there, and then given its name. Nothing of the snapshot is changed.
package struct SnapshotRestore {
  private let source: String
  private let listing: SnapshotListing

  /// Reads the listing and every byte of the snapshot.
  ///
  /// - Throws: `file-not-found`, `malformed-file` or `segment-damaged` with the file that is not what was written.
  package init(verifying path: String, progress: (Int) -> Void = { _ in }) throws(VecError) {
    source = path
    let listingPath = path + "/" + SnapshotListing.fileName
    guard let status = try SystemCall.status(listingPath), status.isRegular else {
      throw VecError(.fileNotFound, "\(path) is no snapshot: it has no \(SnapshotListing.fileName)")
    }
    guard status.byteCount <= SnapshotListing.byteCountMax else {
      throw VecError(.malformedFile, "\(listingPath) has \(status.byteCount) bytes, too many for a listing")
    }
    let bytes = try OpenFile(listingPath, OpenFile.readOnly).bytes(status.byteCount, at: 0)
    listing = try SnapshotListing(text: String(decoding: bytes, as: UTF8.self))
    try Self.verify(listing, in: path, progress)
    try refuseStrangers()
  }

  package var fileCount: Int { listing.entries.count }
  package var byteCount: UInt64 { listing.entries.reduce(0) { $0 + $1.byteCount } }

  /// Copies the snapshot to `path`, which must be missing or an empty directory.
  package func restore(to path: String, uuid: UUID, progress: (Int) -> Void = { _ in }) throws(VecError) {
    if let status = try SystemCall.status(path) {
      guard status.isDirectory, try SystemCall.names(in: path).isEmpty else {
        throw VecError(.cannotCreate, "\(path) is not empty: restore into a directory that is new or empty")
      }
    }
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let temporary = "\(parent)/.tmp-restore-\(uuid)"
    for made in [temporary, temporary + "/segments"] { _ = try SystemCall.makeDirectory(made) }
    do {
      for entry in listing.entries { try Self.copy(entry, from: source, to: temporary, progress) }
      try OpenFile(temporary + "/LOCK", O_RDWR | O_CREAT | O_EXCL).sync()
      try Self.verify(listing, in: temporary, progress)
      for made in [temporary + "/segments", temporary] { try SystemCall.syncDirectory(made) }
      // Onto an empty directory a rename is allowed, onto anything else it fails.
      _ = try SystemCall.retrying("rename", temporary) { Int(rename(temporary, path)) }
      try SystemCall.syncDirectory(parent)
    } catch {
      for entry in listing.entries { _ = try? SystemCall.unlink(temporary + "/" + entry.path) }
      _ = try? SystemCall.unlink(temporary + "/LOCK")
      for made in [temporary + "/segments", temporary] { rmdir(made) }
      throw error
    }
  }

  private static func verify(
    _ listing: SnapshotListing, in directory: String, _ progress: (Int) -> Void
  ) throws(VecError) {
    for entry in listing.entries {
      let path = directory + "/" + entry.path
      guard try SystemCall.status(path) != nil else { throw VecError(.segmentDamaged, "\(path): the file is missing") }
      let found = try SnapshotWriter.entry(entry.path, in: directory)
      guard found == entry else {
        throw VecError(
          .segmentDamaged,
          "\(path) is not what the snapshot was: \(found.byteCount) bytes with checksum \(found.checksum), must be "
            + "\(entry.byteCount) with \(entry.checksum)")
      }
      // A sound checksum is not taken for sense.
      if entry.path != "manifest.sqlite" { try MappedSegment.open(path: path, expecting: nil).verify() }
      progress(Int(entry.byteCount))
    }
  }

  /// Files that the listing does not know were not there when the snapshot was made.
  private func refuseStrangers() throws(VecError) {
    let known = Set(listing.entries.map(\.path))
    let found = try SystemCall.names(in: source).filter { !["segments", "LOCK", SnapshotListing.fileName].contains($0) }
      + (SystemCall.names(in: source + "/segments").map { "segments/" + $0 })
    if let stranger = found.first(where: { !known.contains($0) }) {
      throw VecError(.malformedFile, "\(source)/\(stranger) does not belong to the snapshot; has it been used as a store?")
    }
  }

  private static func copy(
    _ entry: SnapshotListing.Entry, from: String, to: String, _ progress: (Int) -> Void
  ) throws(VecError) {
    let source = try OpenFile(from + "/" + entry.path, OpenFile.readOnly)
    let isSegment = entry.path != "manifest.sqlite"
    let target = try OpenFile(to + "/" + entry.path, O_RDWR | O_CREAT | O_EXCL)
    let buffer = Memory(1 << 20)
    var done = 0
    while true {
      let count = try source.read(into: buffer.bytes, at: done)
      if count == 0 { break }
      try target.write(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]), at: done)
      done += count
      progress(count)
    }
    if isSegment { try target.setMode(0o444) }
    try target.sync()
  }
}
