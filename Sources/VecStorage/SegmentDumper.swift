internal import VecCore

/// Takes a file whose structure has been checked apart, field by field in the order of the file.
struct SegmentDumper {
  /// Blocks of one section whose table entries are shown.
  private static let blocksShown = 8

  let file: OpenFile
  let structure: SegmentStructure

  private var header: SegmentHeader { structure.header }
  private var trailer: SegmentTrailer { structure.trailer }

  func run(into dump: inout SegmentDump) throws(VecError) {
    dump.sections = structure.sections.map {
      .init(
        kind: $0.kind, encoding: $0.kind.encoding.name, offset: $0.offset, storedLength: $0.storedLength,
        rawLength: $0.rawLength, blockCount: $0.blocks.count)
    }
    try addHeader(&dump)
    for section in structure.sections { try addSection(section, &dump) }
    try addDirectory(&dump)
    try addTrailer(&dump)
  }

  private func addHeader(_ dump: inout SegmentDump) throws(VecError) {
    let version = try file.bytes(4, at: 8)
    let fields: [(String, Int, String)] = [
      ("magic", 8, ""),
      ("format version", 2, "\(Int(version[0]) | Int(version[1]) << 8)"),
      ("least reader version", 2, "\(Int(version[2]) | Int(version[3]) << 8)"),
      ("required features", 4, "none"),
      ("uuid", 16, "\(header.uuid)"),
      ("dimension", 4, "\(header.dimension)"),
      ("metric", 1, header.metric.name),
      ("element type", 1, header.elementType.name),
      ("reserved", 2, ""),
      ("row count", 8, "\(header.rowCount)"),
      ("collection number", 8, "\(header.collectionNumber)"),
      ("generation number", 8, "\(header.generationNumber)"),
      ("greatest norm", 4, "\(header.greatestNorm)"),
      ("least norm", 4, "\(header.leastNorm)"),
      ("writer", 32, header.writer),
      ("reserved", 20, ""),
      ("checksum", 4, "over uuid, HEAD, bytes 0 to 123"),
    ]
    try add("header", fields, at: 0, &dump)
  }

  private func addSection(_ section: SectionEntry, _ dump: inout SegmentDump) throws(VecError) {
    let padding = SegmentFormat.align(section.end) - section.end
    let encoding = section.kind.encoding.name
    var fields = [("content", section.storedLength, "\(encoding), block count \(section.blocks.count)")]
    if padding > 0 { fields.append(("padding", padding, "")) }
    try add("section \(section.kind.name)", fields, at: section.offset, &dump)
  }

  private func addDirectory(_ dump: inout SegmentDump) throws(VecError) {
    var place = trailer.directoryOffset
    for section in structure.sections {
      let fields: [(String, Int, String)] = [
        ("kind", 4, "\(section.kind.rawValue)"),
        ("encoding", 4, section.kind.encoding.name),
        ("offset", 8, "\(section.offset)"),
        ("stored length", 8, "\(section.storedLength)"),
        ("raw length", 8, "\(section.rawLength)"),
        ("block count", 8, "\(section.blocks.count)"),
        ("reserved", 8, ""),
      ]
      try add("directory: \(section.kind.name)", fields, at: place, &dump)
      place += SegmentFormat.directoryEntryBytes
    }
    for section in structure.sections {
      var fields: [(String, Int, String)] = []
      for (number, block) in section.blocks.prefix(Self.blocksShown).enumerated() {
        fields.append(("block \(number) stored length", 4, "\(block.storedLength)"))
        fields.append(("block \(number) checksum", 4, SegmentChecksum.text(block.checksum)))
      }
      let hidden = section.blocks.count - Self.blocksShown
      if hidden > 0 { fields.append(("\(hidden) more blocks", hidden * SegmentFormat.blockEntryBytes, "")) }
      try add("block table: \(section.kind.name)", fields, at: place, &dump)
      place += section.blocks.count * SegmentFormat.blockEntryBytes
    }
  }

  private func addTrailer(_ dump: inout SegmentDump) throws(VecError) {
    let fields: [(String, Int, String)] = [
      ("directory offset", 8, "\(trailer.directoryOffset)"),
      ("directory length", 8, "\(trailer.directoryLength)"),
      ("file length", 8, "\(trailer.fileLength)"),
      ("uuid", 16, "\(trailer.uuid)"),
      ("section count", 4, "\(trailer.sectionCount)"),
      ("root checksum", 4, SegmentChecksum.text(trailer.rootChecksum)),
      ("reserved", 4, ""),
      ("checksum", 4, "over uuid, TAIL, bytes 0 to 51"),
      ("end magic", 8, "VSEGEND\\n"),
    ]
    try add("trailer", fields, at: trailer.fileLength - SegmentFormat.trailerBytes, &dump)
  }

  private func add(
    _ part: String, _ fields: [(String, Int, String)], at offset: Int, _ dump: inout SegmentDump
  ) throws(VecError) {
    var place = offset
    for (name, length, value) in fields {
      let bytes = try file.bytes(min(length, SegmentDump.bytesShown), at: place)
      dump.fields.append(.init(part: part, name: name, offset: place, length: length, bytes: bytes, value: value))
      place += length
    }
  }
}
