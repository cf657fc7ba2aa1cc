internal import VecCore

/// One block of a section as its table describes it.
struct BlockEntry: Sendable, Equatable {
  var storedLength: UInt32
  var checksum: UInt32
}

/// One section as the directory describes it. Offsets and lengths are bytes.
struct SectionEntry: Sendable, Equatable {
  var kind: SectionKind
  var offset: Int
  var storedLength: Int
  var rawLength: Int
  var blocks: [BlockEntry]

  var end: Int { offset + storedLength }
}

/// The directory: an entry per section, then their block tables.
enum SegmentDirectory {
  static func encoded(_ sections: [SectionEntry]) -> [UInt8] {
    var out = ByteWriter()
    for section in sections {
      out.write(section.kind.rawValue)
      out.write(section.kind.encoding.rawValue)
      out.write(UInt64(section.offset))
      out.write(UInt64(section.storedLength))
      out.write(UInt64(section.rawLength))
      out.write(UInt64(section.blocks.count))
      out.write(0 as UInt64)
    }
    for block in sections.flatMap(\.blocks) {
      out.write(block.storedLength)
      out.write(block.checksum)
    }
    return out.bytes
  }

  /// The most bytes a directory can have in a file of this header and length; it bounds what is read before anything of
  /// it is believed. Index sections are raw, so the file holds their blocks in full; LZ4 makes at most 255 bytes of one.
  static func byteCountMax(_ header: SegmentHeader, _ fileBytes: Int) -> Int {
    SectionKind.allCases.reduce(0) { total, kind in
      let rawBytes =
        kind.isOfIndex ? fileBytes : kind.isOptional ? 256 * fileBytes : SegmentFormat.rawBytes(kind, header).upperBound
      return total + SegmentFormat.directoryEntryBytes
        + SegmentFormat.blockCount(rawBytes, of: kind) * SegmentFormat.blockEntryBytes
    }
  }

  /// Reads the directory and holds it against the header and against its own place in the file.
  ///
  /// - Parameter offset: of the directory in the file; the sections must end there.
  static func decode(
    _ bytes: [UInt8], count: Int, at offset: Int, _ header: SegmentHeader, path: String
  ) throws(VecError) -> [SectionEntry] {
    try bytes.withBytes { (raw) throws(VecError) in
      var reader = ByteReader(raw, code: .segmentDamaged, context: "\(path): directory")
      var sections: [SectionEntry] = []
      var blockCounts: [Int] = []
      var place = SegmentFormat.headerBytes
      for _ in 0..<count {
        let (section, blockCount) = try entry(&reader, header, after: sections.last?.kind, at: place)
        place = SegmentFormat.align(section.end)
        sections.append(section)
        blockCounts.append(blockCount)
      }
      let kinds = sections.map(\.kind)
      guard SegmentFormat.allows(kinds, metric: header.metric, version: header.leastReaderVersion) else {
        throw reader.failure(
          "a section that metric \(header.metric.name) needs is missing, or version \(header.leastReaderVersion) has none such")
      }
      guard place == offset else { throw reader.failure("the sections end at \(place), it begins at \(offset)") }
      for index in sections.indices {
        sections[index].blocks = try blocks(&reader, sections[index], count: blockCounts[index])
      }
      try reader.finish()
      return sections
    }
  }

  private static func entry(
    _ reader: inout ByteReader, _ header: SegmentHeader, after previous: SectionKind?, at place: Int
  ) throws(VecError) -> (SectionEntry, Int) {
    let rawKind = try reader.read(UInt32.self)
    guard let kind = SectionKind(rawValue: rawKind) else {
      throw VecError(.unsupportedFormat, reader.failure("section kind \(rawKind) is unknown").message)
    }
    if let previous, previous.rawValue >= kind.rawValue { throw reader.failure("sections do not ascend in kind") }
    guard try reader.read(UInt32.self) == kind.encoding.rawValue else {
      throw reader.failure("section \(kind.name) has another encoding than \(kind.encoding.name)")
    }
    let offset = try reader.read(UInt64.self)
    let stored = try reader.read(UInt64.self)
    let rawLength = try reader.read(UInt64.self)
    let blockCount = try reader.read(UInt64.self)
    guard offset == UInt64(place) else { throw reader.failure("section \(kind.name) must begin at \(place)") }
    let allowed = SegmentFormat.rawBytes(kind, header)
    guard rawLength <= UInt64(Limits.segmentBytesMax), allowed.contains(Int(rawLength)) else {
      throw reader.failure("section \(kind.name) has \(rawLength) raw bytes, the header demands \(allowed)")
    }
    guard stored <= rawLength, stored > 0 else { throw reader.failure("section \(kind.name) stores \(stored) bytes") }
    guard blockCount == UInt64(SegmentFormat.blockCount(Int(rawLength), of: kind)) else {
      throw reader.failure("section \(kind.name) has \(blockCount) blocks for \(rawLength) bytes")
    }
    guard try reader.read(UInt64.self) == 0 else { throw reader.failure("reserved bytes are not 0") }
    let section = SectionEntry(
      kind: kind, offset: place, storedLength: Int(stored), rawLength: Int(rawLength), blocks: [])
    return (section, Int(blockCount))
  }

  private static func blocks(
    _ reader: inout ByteReader, _ section: SectionEntry, count: Int
  ) throws(VecError) -> [BlockEntry] {
    let words = try reader.readArray(UInt32.self, count: count * 2)
    var total = 0
    var blocks: [BlockEntry] = []
    blocks.reserveCapacity(count)
    for number in 0..<count {
      let block = BlockEntry(
        storedLength: UInt32(littleEndian: words[2 * number]), checksum: UInt32(littleEndian: words[2 * number + 1]))
      let rawLength = SegmentFormat.blockBytes(number, of: section.kind, section.rawLength)
      let stored = Int(block.storedLength)
      let isPacked = section.kind.encoding == .lz4 && stored > 0 && BlockCodec.isWorthwhile(stored, of: rawLength)
      guard stored == rawLength || isPacked else {
        throw reader.failure("section \(section.kind.name), block \(number): \(stored) bytes stored for \(rawLength)")
      }
      total += stored
      blocks.append(block)
    }
    guard total == section.storedLength else {
      throw reader.failure("section \(section.kind.name): its blocks are \(total) bytes, not \(section.storedLength)")
    }
    return blocks
  }
}
