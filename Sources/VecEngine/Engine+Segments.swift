import Synchronization
import VecAttributes
import VecCore
import VecManifest
import VecStorage

// The one way in which segments enter and leave a generation: the file is published first, then one manifest
// transaction, then one swap in memory.
extension Engine {
  /// Writes a segment with `write`, and adds it to a generation that is building (or is again, once it has new rows).
  func addSegment(
    to generation: GenerationRow, of collection: CollectionRow,
    write: (UUID) throws(VecError) -> WrittenSegment
  ) throws(VecError) -> IngestReceipt {
    let current = try self.collection(collection.name)
    let existing = try current.generations.first { $0.row.number == generation.number }.map {
      (one) throws(VecError) in try current.sound(one)
    }
    let written = try stoppingAtIOErrors { () throws(VecError) in try write(options.makeUUID()) }
    do {
      let handle = try SegmentHandle(
        SegmentRow(written, generation: generation.number, ordinal: 0), of: collection, in: directory,
        memory: memory, isVerified: true)
      try refuseKnownIDs(of: handle, in: existing?.segments ?? [], of: generation.label)
      let sequence = try enter(handle, generation, existing, collection)
      return IngestReceipt(
        rowCount: handle.row.rowCount, byteCount: handle.row.byteCount, elementType: handle.row.elementType,
        sequence: sequence)
    } catch {
      // After an I/O error at commit the outcome is unknown, and the manifest may know the file: the next start decides.
      if !error.mayHaveHappened { try? directory.unlinkSegment(written.identity.uuid) }
      throw error
    }
  }

  /// Runs a write of segment files. A failed write or sync must not be retried on the same pages, so it ends all writing
  /// until vecd starts anew; searches go on.
  func stoppingAtIOErrors<T>(_ write: () throws(VecError) -> T) throws(VecError) -> T {
    do {
      return try write()
    } catch {
      if error.mayHaveHappened { writer.withLock { $0?.manifest.stopWriting(because: error) } }
      throw error
    }
  }

  /// Runs a rewrite. When the disk has no room for it and it frees more than it takes in the end, it is done once more with
  /// the room that is held back for that, and nothing is added to the store meanwhile.
  func makingRoom<T>(if frees: Bool, _ rewrite: () throws(VecError) -> T) throws(VecError) -> T {
    do {
      return try rewrite()
    } catch {
      guard frees, error.code == .storageFull,
        try withWriter({ (writer) throws(VecError) in writer.manifest.lendBallast() })
      else { throw error }
    }
    let result: Result<T, VecError>
    do { result = .success(try rewrite()) } catch { result = .failure(error) }
    // Of room that cannot be had back the next write hears.
    try withWriter { (writer) throws(VecError) in try writer.manifest.takeBallastBack() }
    return try result.get()
  }

  private func enter(
    _ handle: SegmentHandle, _ generation: GenerationRow, _ existing: Generation?, _ collection: CollectionRow
  ) throws(VecError) -> UInt64 {
    try withWriter { (writer) throws(VecError) in
      var row = try self.collection(collection.name).row
      row.sequence += 1
      var next = existing ?? Generation(row: generation, segments: [])
      next.row.state = .building
      next.row.index = nil
      next.row.builtAt = nil
      next.segments.append(handle)
      let segment = next.placed(handle.row)
      let nextNumber = writer.nextNumber
      try writer.manifest.transaction { [row, next] (transaction) throws(VecError) in
        if existing == nil { try transaction.insert(next.row) } else { try transaction.update(next.row) }
        try transaction.insert(segment, of: row.number)
        try transaction.update(row)
        try transaction.setNextNumber(nextNumber)
      }
      update(row.name) { [row, next] in
        $0.replace(next)
        $0.row = row
      }
      return row.sequence
    }
  }

  /// An id may be in a generation once, so rows of earlier ingests are not silently hidden by later ones.
  private func refuseKnownIDs(
    of new: SegmentHandle, in segments: [SegmentHandle], of label: String
  ) throws(VecError) {
    guard !segments.isEmpty else { return }
    for (position, id) in new.ids.enumerated() {
      guard let old = segments.first(where: { $0.row(of: id) != nil }) else { continue }
      let text = new.items.stringIDs?[position]
      if let text, let row = old.row(of: id), let there = old.items.stringIDs?[row], there != text {
        throw StringID.collision(there.text, text.text)
      }
      let name = text.map { "string id \(Names.quoted($0.text))" } ?? "id \(id)"
      throw VecError(
        .idExists,
        "\(name) (row \(position)) is in generation \(label) already, from an earlier ingest: leave it out, "
          + "or ingest everything into a new generation")
    }
  }
}

extension SegmentRow {
  /// The manifest's row for a new segment.
  init(_ written: WrittenSegment, generation: UInt64, ordinal: Int) {
    self.init(
      uuid: written.identity.uuid, generation: generation, ordinal: ordinal, rowCount: UInt64(written.ids.count),
      byteCount: written.identity.byteCount, rootChecksum: written.identity.rootChecksum,
      elementType: written.elementType)
  }
}

extension VecError {
  /// Throws all but a full disk.
  func ifFull() throws(VecError) -> VecError {
    if code == .storageFull { return self }
    throw self
  }
}
