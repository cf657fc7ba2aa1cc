internal import Glibc
internal import Synchronization
package import VecCore

/// The directory of one store, held exclusively: `LOCK`, the manifest and `segments/`.
package final class StoreDirectory: Sendable {
  /// Absolute, without symbolic links.
  package let path: String
  private let lock: Mutex<OpenFile?>

  package var manifestPath: String { path + "/manifest.sqlite" }
  private var segmentsPath: String { path + "/segments" }

  /// Opens a store and takes its lock.
  ///
  /// - Parameters:
  ///   - create: make the directory (mode 0700, and those above it) when it is missing or empty. A directory that holds
  ///     other things is refused either way.
  /// - Throws: `file-not-found`, `cannot-create`, `permission-denied`, `store-in-use`, `io-error`.
  package init(path: String, create: Bool) throws(VecError) {
    if create { _ = try Self.makeDirectories(path) }
    guard let status = try SystemCall.status(path) else {
      throw VecError(.fileNotFound, "no store at \(path); start the daemon with a directory that exists")
    }
    guard status.isDirectory else { throw VecError(.cannotCreate, "\(path) is not a directory; a store is one") }
    guard status.owner == SystemCall.userID else {
      throw VecError(
        .permissionDenied,
        "\(path) belongs to uid \(status.owner), this process runs as uid \(SystemCall.userID); use the same user")
    }
    self.path = try SystemCall.absolute(path)
    try Self.checkContent(self.path, create: create)
    lock = Mutex(try Self.takeLock(self.path + "/LOCK"))
    // `LOCK` is durable before there is more: a new store that a power cut left with `segments` alone would be refused as
    // a directory of something else.
    if try SystemCall.status(self.path + "/segments") == nil { try SystemCall.syncDirectory(self.path) }
    _ = try SystemCall.makeDirectory(self.path + "/segments")
    try SystemCall.syncDirectory(self.path)
    // As long as it has no manifest nobody was told of the store, and who made it may not have come to this.
    if try SystemCall.status(manifestPath) == nil { try SystemCall.syncDirectory(self.path + "/..") }
  }

  package func segmentPath(_ uuid: UUID) -> String { "\(segmentsPath)/\(uuid)\(SegmentName.suffix)" }

  package func temporaryPath(_ uuid: UUID) -> String { "\(segmentsPath)/\(SegmentName.temporaryPrefix)\(uuid)" }

  /// The segments that are there, whether or not the manifest knows them.
  package func segmentUUIDs() throws(VecError) -> [UUID] {
    try SystemCall.names(in: segmentsPath).compactMap { SegmentName.uuid(in: $0) }
  }

  /// Removes what a crash left behind: temporary files, and segments that the manifest does not know. Other names are
  /// left alone, and what cannot be removed does not stop anyone.
  ///
  /// - Returns: the names that were removed.
  package func removeLeftovers(keeping: Set<UUID>) throws(VecError) -> [String] {
    let removed = try leftovers(besides: keeping).filter { (try? SystemCall.unlink("\(segmentsPath)/\($0)")) == true }
    if !removed.isEmpty { try syncSegments() }
    return removed
  }

  /// The names of temporary files, and of segments that are not `known`, in order.
  package func leftovers(besides known: Set<UUID>) throws(VecError) -> [String] {
    try SystemCall.names(in: segmentsPath).sorted().filter { name in
      let isUnknown = SegmentName.uuid(in: name).map { !known.contains($0) } ?? false
      guard isUnknown || name.hasPrefix(SegmentName.temporaryPrefix) else { return false }
      return (try? SystemCall.status("\(segmentsPath)/\(name)", ofLink: true)?.isRegular) == true
    }
  }

  /// Removes a segment that the manifest no longer names and nobody reads. One that is gone already is no error.
  package func unlinkSegment(_ uuid: UUID) throws(VecError) {
    _ = try SystemCall.unlink(segmentPath(uuid))
  }

  /// Moves a segment that is damaged out of the way; one that is gone already is no error.
  package func setAside(_ uuid: UUID) throws(VecError) {
    let damaged = path + "/damaged"
    _ = try SystemCall.makeDirectory(damaged)
    // Also when it was there: who made it may not have come to this.
    try SystemCall.syncDirectory(path)
    guard try SystemCall.status(segmentPath(uuid), ofLink: true) != nil else { return }
    try SystemCall.renameNoReplace(segmentPath(uuid), to: "\(damaged)/\(uuid)\(SegmentName.suffix)")
    for directory in [damaged, segmentsPath] { try SystemCall.syncDirectory(directory) }
  }

  /// Gives the lock back. `LOCK` stays: removing it would let two processes hold two files of that name.
  package func close() {
    lock.withLock { lock in
      lock?.unlock()
      lock = nil
    }
  }

  func syncSegments() throws(VecError) { try SystemCall.syncDirectory(segmentsPath) }

  /// A directory for files that have no name.
  var spoolPath: String { segmentsPath }
}

// MARK: - Opening

extension StoreDirectory {
  /// Whether the directory was missing and is there now.
  private static func makeDirectories(_ path: String) throws(VecError) -> Bool {
    guard try SystemCall.status(path) == nil else { return false }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      _ = try makeDirectories(String(path[..<slash]))
    }
    return try SystemCall.makeDirectory(path)
  }

  /// A store has `LOCK` and `segments`; one whose creation was cut short has at most `LOCK`.
  private static func checkContent(_ path: String, create: Bool) throws(VecError) {
    let names = Set(try SystemCall.names(in: path))
    if names.isSuperset(of: ["LOCK", "segments"]) { return }
    guard names.isSubset(of: ["LOCK", "lost+found"]) else {
      throw VecError(
        .cannotCreate,
        "\(path) is neither empty nor a vecd store (no LOCK and segments in it); name an empty or a new directory")
    }
    guard create else { throw VecError(.fileNotFound, "\(path) holds no store yet") }
  }

  private static func takeLock(_ path: String) throws(VecError) -> OpenFile {
    let file = try OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW)
    let text = Memory(32)
    guard try file.tryLock() else {
      let count = try file.read(into: text.bytes, at: 0)
      let pid = String(decoding: text.bytes[..<count].prefix { (48...57).contains($0) }, as: UTF8.self)
      throw VecError(
        .storeInUse, "\(path) is held by process \(pid.isEmpty ? "unknown" : pid); stop it or use another store")
    }
    try file.truncate(to: 0)
    try file.write(Array("\(SystemCall.processID)\n".utf8), at: 0)
    return file
  }
}
