// The constants of Formats/segment.md. Everything that reads or writes a segment takes them from here.

internal import VecCore

/// The sections of a segment, in the order of the file.
package enum SectionKind: UInt32, CaseIterable, Sendable {
  case ids = 1
  case vectors
  case idOrder
  case inverseNorms
  // The sections of indexes, all optional. Their content is VecIndex's; here they are bytes with checksums.
  case lists
  case graph
  case calibration

  /// The name that messages and `vecctl inspect` use.
  package var name: String {
    switch self {
    case .ids: "ids"
    case .vectors: "vectors"
    case .idOrder: "id order"
    case .inverseNorms: "inverse norms"
    case .lists: "lists"
    case .graph: "graph"
    case .calibration: "calibration"
    }
  }

  /// Whether the section belongs to an index, which takes a reader of format version 2.
  package var isOfIndex: Bool { rawValue >= SectionKind.lists.rawValue }

  var encoding: SectionEncoding { self == .ids ? .lz4 : .raw }
}

enum SectionEncoding: UInt32 {
  case raw = 0
  case lz4 = 1

  var name: String { self == .raw ? "raw" : "LZ4 blocks" }
}

enum SegmentFormat {
  /// The greatest version that is read.
  static let version: UInt16 = 2
  /// The version that index sections came with. A segment without them is written as version 1.
  static let indexVersion: UInt16 = 2
  static let magic: [UInt8] = [0x89, 0x56, 0x53, 0x45, 0x47, 0x0D, 0x0A, 0x1A]
  static let endMagic = Array("VSEGEND\n".utf8)
  static let headerBytes = 128
  static let trailerBytes = 64
  static let directoryEntryBytes = 48
  static let blockEntryBytes = 8
  static let writerBytes = 32
  static let alignment = 64
  /// A varint of 64 bits.
  static let idBytesMax = 10
  /// One header, one section of one block, its directory and the trailer: nothing shorter is a segment.
  static let fileBytesMin = 128 + 64 + 48 + 8 + 64

  static func align(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

  static func blockCount(_ rawBytes: Int) -> Int { (rawBytes + Limits.blockBytes - 1) / Limits.blockBytes }

  /// Raw bytes of block `number` of a section: all but the last are full.
  static func blockBytes(_ number: Int, of rawBytes: Int) -> Int {
    min(Limits.blockBytes, rawBytes - number * Limits.blockBytes)
  }

  /// The sections that every segment of this metric has.
  static func requiredKinds(for metric: Metric) -> [SectionKind] {
    metric == .cosine ? [.ids, .vectors, .idOrder, .inverseNorms] : [.ids, .vectors, .idOrder]
  }

  /// Whether a segment of this metric and version may have these sections; both must ascend.
  static func allows(_ kinds: [SectionKind], metric: Metric, version: UInt16) -> Bool {
    let required = requiredKinds(for: metric)
    guard kinds.starts(with: required) else { return false }
    let rest = kinds.dropFirst(required.count)
    return rest.allSatisfy(\.isOfIndex) && (rest.isEmpty || version >= indexVersion)
  }

  /// The raw lengths that the header's counts allow a section. An index section's own header says how long it must be.
  static func rawBytes(_ kind: SectionKind, _ header: SegmentHeader) -> ClosedRange<Int> {
    switch kind {
    case .ids: return header.rowCount...(header.rowCount * idBytesMax)
    case .vectors:
      let count = header.rowCount * header.dimension * header.elementType.byteCount
      return count...count
    case .idOrder, .inverseNorms: return (header.rowCount * 4)...(header.rowCount * 4)
    case .lists, .graph, .calibration: return 1...Limits.segmentBytesMax
    }
  }
}

/// The checksums of a segment. Each begins with the uuid and what the bytes are, so that sound bytes of another file or
/// another place do not pass.
enum SegmentChecksum {
  enum Part: String {
    case header = "HEAD"
    case root = "ROOT"
    case trailer = "TAIL"
  }

  static func of(_ part: Part, _ uuid: UUID, _ runs: [UInt8]...) -> UInt32 {
    var crc = CRC32C()
    crc.update(uuid.bytes)
    crc.update(Array(part.rawValue.utf8))
    for run in runs { crc.update(run) }
    return crc.value
  }

  /// The root leaves the header's own checksum out: a CRC over bytes followed by their CRC is the same for all bytes.
  static func ofRoot(_ uuid: UUID, header: [UInt8], directory: [UInt8]) -> UInt32 {
    of(.root, uuid, Array(header.prefix(SegmentFormat.headerBytes - 4)), directory)
  }

  static func ofBlock(_ number: Int, of kind: SectionKind, _ uuid: UUID, _ stored: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(uuid.bytes)
    crc.update(kind.rawValue)
    crc.update(UInt32(truncatingIfNeeded: number))
    crc.update(stored)
    return crc.value
  }

  /// The form of messages and dumps.
  static func text(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}
