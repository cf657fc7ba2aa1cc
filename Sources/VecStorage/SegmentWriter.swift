internal import Glibc
package import VecCore

/// Writes one segment to its temporary file, section by section in ascending order of kind, and publishes it.
///
/// Memory is two blocks whatever the segment's size. A writer that is let go without `publish` removes its file.
package final class SegmentWriter {
  private enum State {
    case writing
    /// A write failed; the file can only be abandoned.
    case failed
    case ended
  }

  package private(set) var header: SegmentHeader
  private let directory: StoreDirectory
  private let temporaryPath: String
  private let file: OpenFile
  private var state = State.writing
  private var sections: [SectionEntry] = []
  private var offset = SegmentFormat.headerBytes

  package init(directory: StoreDirectory, header: SegmentHeader) throws(VecError) {
    if let complaint = header.complaint {
      throw VecError(.invalidArgument, "segment \(header.uuid): \(complaint)")
    }
    self.header = header
    self.directory = directory
    temporaryPath = directory.temporaryPath(header.uuid)
    file = try OpenFile(temporaryPath, O_RDWR | O_CREAT | O_EXCL)
  }

  deinit { abandon() }

  /// Bytes written so far.
  package var byteCount: Int { offset }

  /// Writes a section. `body` is handed a closure that appends raw content; the pieces may have any size.
  ///
  /// - Throws: what `body` throws, an error of the write, or `internal-defect` when the section comes out of order or
  ///   its length is not what the header demands. The segment can then only be abandoned.
  package func writeSection(
    _ kind: SectionKind, _ body: ((UnsafeRawBufferPointer) throws(VecError) -> Void) throws(VecError) -> Void
  ) throws(VecError) {
    guard state == .writing else { throw defect("section \(kind.name) after a failure or the end") }
    state = .failed
    guard sections.last.map({ $0.kind.rawValue < kind.rawValue }) ?? true,
      kind.isOptional || SegmentFormat.requiredKinds(for: header.metric).contains(kind)
    else { throw defect("section \(kind.name) is out of order or not one of metric \(header.metric.name)") }
    let output = BlockWriter(file, header.uuid, kind, at: offset)
    try body { (bytes) throws(VecError) in try output.append(bytes) }
    let section = try output.finish()
    let allowed = SegmentFormat.rawBytes(kind, header)
    guard allowed.contains(section.rawLength) else {
      throw defect("section \(kind.name) has \(section.rawLength) raw bytes, the header demands \(allowed)")
    }
    let padded = SegmentFormat.align(section.end)
    try file.write([UInt8](repeating: 0, count: padded - section.end), at: section.end)
    offset = padded
    sections.append(section)
    state = .writing
  }

  /// Writes the rest, makes the file durable, opens it again, verifies every byte and gives it its name.
  ///
  /// - Throws: the temporary file is removed then, unless the name was taken already and only the directory failed.
  package func publish() throws(VecError) -> SegmentIdentity {
    guard state == .writing else { throw defect("publish after a failure or the end") }
    state = .failed
    let kinds = sections.map(\.kind)
    header.leastReaderVersion = kinds.map(\.version).max() ?? 1
    guard SegmentFormat.allows(kinds, metric: header.metric, version: header.leastReaderVersion) else {
      throw defect("publish without all sections of metric \(header.metric.name)")
    }
    do throws(VecError) {
      let identity = try finishFile()
      try MappedSegment.open(path: temporaryPath, expecting: identity).verify()
      try SystemCall.renameNoReplace(temporaryPath, to: directory.segmentPath(header.uuid))
      state = .ended
      try directory.syncSegments()
      return identity
    } catch {
      abandon()
      throw error
    }
  }

  /// Removes the temporary file. Does nothing after `publish`.
  package func abandon() {
    guard state != .ended else { return }
    state = .ended
    // What cannot be removed now is removed at the next start.
    _ = try? SystemCall.unlink(temporaryPath)
  }

  private func finishFile() throws(VecError) -> SegmentIdentity {
    let headerBytes = header.encoded()
    let directoryBytes = SegmentDirectory.encoded(sections)
    let end = offset + directoryBytes.count + SegmentFormat.trailerBytes
    guard end <= Limits.segmentBytesMax else {
      throw VecError(.limitExceeded, "a segment of \(end) bytes, at most \(Limits.segmentBytesMax) are possible")
    }
    let trailer = SegmentTrailer(
      directoryOffset: offset, directoryLength: directoryBytes.count, fileLength: end, uuid: header.uuid,
      sectionCount: sections.count,
      rootChecksum: SegmentChecksum.ofRoot(header.uuid, header: headerBytes, directory: directoryBytes))
    try file.write(directoryBytes + trailer.encoded(), at: offset)
    // The header comes last: a file that a crash cut short does not even begin like a segment.
    try file.write(headerBytes, at: 0)
    try file.setMode(0o444)
    try file.sync()
    return SegmentIdentity(uuid: header.uuid, byteCount: UInt64(end), rootChecksum: trailer.rootChecksum)
  }

  private func defect(_ what: String) -> VecError {
    VecError(.internalDefect, "segment writer \(header.uuid): \(what)")
  }
}

// MARK: - Sections whose content is made here

extension SegmentWriter {
  /// Writes the ids of all rows, in the order of the rows.
  package func writeIDs(_ ids: [UInt64]) throws(VecError) {
    try writeSection(.ids) { (append) throws(VecError) in
      var encoder = IDCodec.Encoder()
      var piece: [UInt8] = []
      for start in stride(from: 0, to: ids.count, by: 8_192) {
        piece.removeAll(keepingCapacity: true)
        encoder.encode(ids[start..<min(start + 8_192, ids.count)], into: &piece)
        try piece.withBytes(append)
      }
    }
  }

  /// Computes and writes the id order.
  ///
  /// - Throws: `duplicate-id` naming the id and both rows.
  package func writeIDOrder(of ids: [UInt64]) throws(VecError) {
    try writeSection(.idOrder) { (append) throws(VecError) in
      try IDOrder.rows(of: ids).withBytes(append)
    }
  }

  /// Writes a section that is in memory.
  package func writeSection(_ kind: SectionKind, _ bytes: [UInt8]) throws(VecError) {
    try writeSection(kind) { (append) throws(VecError) in try bytes.withBytes(append) }
  }

  /// Writes 1 / norm of every row.
  package func writeInverseNorms(_ inverseNorms: [Float]) throws(VecError) {
    try writeSection(.inverseNorms) { (append) throws(VecError) in try inverseNorms.withBytes(append) }
  }

  /// Writes vectors that are in memory as they are stored: `rowCount * dimension` elements.
  package func writeVectors(_ bytes: UnsafeRawBufferPointer) throws(VecError) {
    try writeSection(.vectors) { (append) throws(VecError) in try append(bytes) }
  }
}
