internal import VecCore

/// The last 64 bytes of a segment: where the directory is, and that the file is whole.
struct SegmentTrailer: Sendable, Equatable {
  var directoryOffset: Int
  var directoryLength: Int
  var fileLength: Int
  var uuid: UUID
  var sectionCount: Int
  var rootChecksum: UInt32

  func encoded() -> [UInt8] {
    var out = ByteWriter(reserving: SegmentFormat.trailerBytes)
    out.write(UInt64(directoryOffset))
    out.write(UInt64(directoryLength))
    out.write(UInt64(fileLength))
    out.write(bytes: uuid.bytes)
    out.write(UInt32(sectionCount))
    out.write(rootChecksum)
    out.write(0 as UInt32)
    out.write(SegmentChecksum.of(.trailer, uuid, out.bytes))
    out.write(bytes: SegmentFormat.endMagic)
    return out.bytes
  }

  /// - Parameter byteCount: the file's real length, which the trailer's numbers must agree with.
  init(decoding bytes: [UInt8], byteCount: Int, _ header: SegmentHeader, path: String) throws(VecError) {
    self = try bytes.withBytes { (raw) throws(VecError) in
      var reader = ByteReader(raw, code: .segmentDamaged, context: "\(path): trailer")
      let offset = try reader.read(UInt64.self)
      let length = try reader.read(UInt64.self)
      let fileLength = try reader.read(UInt64.self)
      let uuid = try SegmentHeader.readUUID(&reader)
      let count = try reader.read(UInt32.self)
      let root = try reader.read(UInt32.self)
      let reserved = try reader.read(UInt32.self)
      let checksum = try reader.read(UInt32.self)
      guard try reader.readBytes(8).elementsEqual(SegmentFormat.endMagic) else {
        throw reader.failure("the file does not end with VSEGEND; it is cut short or something was appended")
      }
      guard checksum == SegmentChecksum.of(.trailer, header.uuid, Array(bytes.prefix(52))) else {
        throw reader.failure("its checksum does not match")
      }
      guard uuid == header.uuid, reserved == 0 else { throw reader.failure("its uuid is not the header's") }
      guard fileLength == UInt64(byteCount) else {
        throw reader.failure("the file should have \(fileLength) bytes, it has \(byteCount)")
      }
      let end = UInt64(byteCount - SegmentFormat.trailerBytes)
      guard offset <= end, length == end - offset else {
        throw reader.failure("the directory at \(offset) of \(length) bytes does not end at the trailer")
      }
      guard (1...Limits.sectionsMax).contains(Int(count)) else { throw reader.failure("\(count) sections") }
      return SegmentTrailer(
        directoryOffset: Int(offset), directoryLength: Int(length), fileLength: byteCount, uuid: uuid,
        sectionCount: Int(count), rootChecksum: root)
    }
  }

  init(
    directoryOffset: Int, directoryLength: Int, fileLength: Int, uuid: UUID, sectionCount: Int, rootChecksum: UInt32
  ) {
    self.directoryOffset = directoryOffset
    self.directoryLength = directoryLength
    self.fileLength = fileLength
    self.uuid = uuid
    self.sectionCount = sectionCount
    self.rootChecksum = rootChecksum
  }
}

/// Header, directory and trailer of a file, checked against each other and against the file's length.
struct SegmentStructure: Sendable, Equatable {
  let header: SegmentHeader
  let sections: [SectionEntry]
  let trailer: SegmentTrailer

  var identity: SegmentIdentity {
    SegmentIdentity(
      uuid: header.uuid, byteCount: UInt64(trailer.fileLength), rootChecksum: trailer.rootChecksum)
  }

  subscript(kind: SectionKind) -> SectionEntry? { sections.first { $0.kind == kind } }

  /// Reads and checks everything but the sections' content. Nothing is allocated from a length that the file's own
  /// length does not bound.
  init(reading file: OpenFile) throws(VecError) {
    let path = file.path
    let status = try file.status()
    guard status.isRegular else { throw VecError(.segmentDamaged, "\(path): is not a regular file") }
    let byteCount = status.byteCount
    guard (SegmentFormat.fileBytesMin...Limits.segmentBytesMax).contains(byteCount) else {
      throw VecError(
        .segmentDamaged,
        "\(path): \(byteCount) bytes, a segment has \(SegmentFormat.fileBytesMin) to \(Limits.segmentBytesMax)")
    }
    let headerBytes = try file.bytes(SegmentFormat.headerBytes, at: 0)
    let header = try SegmentHeader(decoding: headerBytes, path: path)
    self.header = header
    let end = byteCount - SegmentFormat.trailerBytes
    trailer = try SegmentTrailer(
      decoding: try file.bytes(SegmentFormat.trailerBytes, at: end), byteCount: byteCount, header, path: path)
    // Raw sections are stored in full, so a row count that the file has no room for ends here.
    let rawSections = SegmentFormat.requiredKinds(for: header.metric).filter { $0.encoding == .raw }
    let least = rawSections.reduce(0) { $0 + SegmentFormat.rawBytes($1, header).lowerBound }
    guard least < byteCount, trailer.directoryLength <= SegmentDirectory.byteCountMax(header, byteCount) else {
      throw VecError(
        .segmentDamaged,
        "\(path): \(header.rowCount) rows of dimension \(header.dimension) do not fit \(byteCount) bytes")
    }
    let directory = try file.bytes(trailer.directoryLength, at: trailer.directoryOffset)
    guard trailer.rootChecksum == SegmentChecksum.ofRoot(header.uuid, header: headerBytes, directory: directory) else {
      throw VecError(.segmentDamaged, "\(path): directory: the root checksum does not match")
    }
    sections = try SegmentDirectory.decode(
      directory, count: trailer.sectionCount, at: trailer.directoryOffset, header, path: path)
  }

  /// Demands that this is the file the manifest means, and that its name agrees.
  func check(_ expected: SegmentIdentity?, path: String) throws(VecError) {
    if let expected, expected != identity {
      throw VecError(
        .segmentDamaged,
        "\(path): is another file than the manifest means: uuid \(header.uuid), \(trailer.fileLength) bytes, root "
          + "\(SegmentChecksum.text(trailer.rootChecksum)) instead of uuid \(expected.uuid), \(expected.byteCount) "
          + "bytes, root \(SegmentChecksum.text(expected.rootChecksum))")
    }
    if let named = SegmentName.uuid(inPath: path), named != header.uuid {
      throw VecError(.segmentDamaged, "\(path): holds segment \(header.uuid), not the one of its name")
    }
  }
}
