import Synchronization
import VecCore
import VecIndex
import VecKernels
import VecManifest
import VecStorage

/// A published segment in use: the mapping, its decoded ids, and the codes of its rows once a search needed them.
///
/// Snapshots hold handles, so a segment that has left the manifest stays readable until the last search on it ends;
/// then the file goes.
final class SegmentHandle: Sendable {
  let row: SegmentRow
  let file: MappedSegment
  /// In row order.
  let ids: [UInt64]
  /// Besides flat.
  let indexes: IndexSet
  /// What the rows have besides vectors.
  let items: SegmentItems
  private let directory: StoreDirectory
  private let memory: MemoryLedger
  private let isObsolete = Atomic<Bool>(false)
  /// Set once and kept, so pointers into it are good as long as the handle lives.
  private let coded = Mutex<CodedRows?>(nil)
  private let every = Mutex<LiveRows?>(nil)
  private let sampled = Mutex<SampledRows?>(nil)

  /// Opens the file the manifest's row names and verifies every byte of it, unless it was verified while publishing.
  init(
    _ row: SegmentRow, of collection: CollectionRow, in directory: StoreDirectory, memory: MemoryLedger,
    isVerified: Bool = false
  ) throws(VecError) {
    let identity = SegmentIdentity(uuid: row.uuid, byteCount: row.byteCount, rootChecksum: row.rootChecksum)
    let path = directory.segmentPath(row.uuid)
    let opened = try MappedSegment.open(path: path, expecting: identity)
    if !isVerified { try opened.verify() }
    let header = opened.header
    guard header.dimension == collection.dimension, header.metric == collection.metric,
      UInt64(header.rowCount) == row.rowCount, header.elementType == row.elementType
    else {
      throw VecError(.segmentDamaged, "\(path) is not what the manifest says of it (shape, metric or row count differ)")
    }
    file = opened
    ids = try opened.decodeIDs()
    indexes = try IndexSections.decode(opened)
    items = try SegmentItems(opened, ids: ids, collection.attributes, collection.ids)
    self.row = row
    self.directory = directory
    self.memory = memory
    memory.take((indexes.graph?.byteCount ?? 0) + items.byteCount)
  }

  deinit {
    memory.giveBack(
      (indexes.graph?.byteCount ?? 0) + items.byteCount + (coded.withLock { $0?.byteCount } ?? 0)
        + (sampled.withLock { $0?.byteCount } ?? 0))
    // A file that cannot be removed now is an orphan, which the next start removes.
    if isObsolete.load(ordering: .acquiring) { try? directory.unlinkSegment(row.uuid) }
  }

  /// The manifest no longer knows the segment: its file goes with the last reader.
  func retire() { isObsolete.store(true, ordering: .releasing) }

  /// Calls `body` with the ids in row order.
  func withIDs<T>(_ body: (UnsafeBufferPointer<UInt64>) throws(VecError) -> T) throws(VecError) -> T {
    try ids.withUnsafeBufferPointer(body)
  }

  /// Calls `body` with the rows as an index sees them; the pointers are good during the call.
  func withPlane<T>(_ body: (VectorPlane) throws(VecError) -> T) throws(VecError) -> T {
    try withIDs { (ids) throws(VecError) in try body(try plane(ids: try base(ids))) }
  }

  /// The same without codes.
  func withBarePlane<T>(_ body: (VectorPlane) throws(VecError) -> T) throws(VecError) -> T {
    try withIDs { (ids) throws(VecError) in try body(try bare(ids: try base(ids))) }
  }

  private func base(_ ids: UnsafeBufferPointer<UInt64>) throws(VecError) -> UnsafePointer<UInt64> {
    guard let base = ids.baseAddress else { throw VecError(.internalDefect, "segment \(row.uuid) has no rows") }
    return base
  }

  /// What to say of it once `file.isUnreadable`.
  var unreadable: VecError {
    VecError(.segmentDamaged, "\(file.path): the disk did not deliver a part of the file (SIGBUS)")
  }

  func row(of id: UInt64) -> Int? { file.row(of: id, ids: ids) }

  /// The row of each of some ids; -1 for one that is not there.
  func rows(of wanted: [UInt64]) -> [Int] { file.rows(of: wanted, ids: ids) }

  /// What stands for the live rows as long as none is dead.
  var allRows: LiveRows {
    every.withLock { every in
      if let every { return every }
      let made = LiveRows(rowCount: Int(row.rowCount))
      every = made
      return made
    }
  }

  /// Some of the rows, made when they are first asked for.
  var sample: SampledRows {
    sampled.withLock { sampled in
      if let sampled { return sampled }
      let made = SampledRows(self)
      memory.take(made.byteCount)
      sampled = made
      return made
    }
  }

  /// The stored vector of a row as float32.
  func vector(ofRow row: Int) -> [Float]? {
    guard let base = file.vectors.baseAddress else { return nil }
    let dimension = file.header.dimension
    let from = base + row * dimension * self.row.elementType.byteCount
    return [Float](unsafeUninitializedCapacity: dimension) { values, initialized in
      guard let to = values.baseAddress else { return }
      ElementCoding.widen(from, type: self.row.elementType, count: dimension, to: to)
      initialized = dimension
    }
  }

  /// The rows as an index sees them. The pointers are good as long as the handle lives: `ids` is never mutated, and a
  /// constant array's storage does not move.
  func plane(ids: UnsafePointer<UInt64>) throws(VecError) -> VectorPlane {
    // Without memory for codes the elements themselves are scanned: slower, and the same answer.
    try plane(ids: ids, codes: (try? codes(.single))?.plane)
  }

  private func bare(ids: UnsafePointer<UInt64>) throws(VecError) -> VectorPlane { try plane(ids: ids, codes: nil) }

  /// Makes the codes now, with several threads, unless they are there.
  /// - Parameter forBuild: whatever others hold of the budget; a build was cut to its share of it.
  func prepare(_ team: WorkTeam, forBuild: Bool = false) { _ = try? codes(team, forBuild: forBuild) }

  /// Memory that codes take; 0 as long as no search needed them, or while they are made.
  var codeByteCount: Int { coded.withLockIfAvailable { $0?.byteCount ?? 0 } ?? 0 }

  /// Threads that come while codes are made wait for them.
  private func codes(_ team: WorkTeam, forBuild: Bool = false) throws(VecError) -> CodedRows {
    try coded.withLock { (coded) throws(VecError) in
      if let coded { return coded }
      let header = file.header
      let byteCount = CodedRows.byteCount(
        rowCount: header.rowCount, dimension: header.dimension, metric: header.metric)
      if forBuild {
        memory.take(byteCount)
      } else if !memory.ask(byteCount) {
        throw VecError(.overloaded, "the memory budget has no room for \(byteCount) bytes of codes")
      }
      do throws(VecError) {
        let made = try withBarePlane { (plane) throws(VecError) in
          try CodedRows(plane, metric: header.metric, team: team)
        }
        coded = made
        return made
      } catch {
        memory.giveBack(byteCount)
        throw error
      }
    }
  }

  private func plane(ids: UnsafePointer<UInt64>, codes: CodePlane?) throws(VecError) -> VectorPlane {
    guard let base = file.vectors.baseAddress else {
      throw VecError(.internalDefect, "segment \(row.uuid) has no vectors in its mapping")
    }
    return VectorPlane(
      base: base, rowCount: Int(row.rowCount), dimension: file.header.dimension, elementType: row.elementType,
      ids: ids, inverseNorms: file.inverseNorms?.baseAddress, greatestNorm: file.header.greatestNorm, codes: codes)
  }
}
