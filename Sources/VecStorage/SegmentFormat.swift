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
  // What items have besides vectors, both optional. Their content is VecAttributes'.
  case attributes
  case payload
  // The texts that items are known by, in collections that have such. Its content is VecAttributes' too.
  case stringIDs
  // The rows by the values of their attributes; optional. Its content is VecAttributes' as well.
  case valueOrder

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
    case .attributes: "attributes"
    case .payload: "payload"
    case .stringIDs: "string ids"
    case .valueOrder: "value order"
    }
  }

  /// Whether the section belongs to an index.
  package var isOfIndex: Bool { (SectionKind.lists.rawValue...SectionKind.calibration.rawValue).contains(rawValue) }

  /// Whether segments may do without, and their content is none of this module's.
  var isOptional: Bool { rawValue >= SectionKind.lists.rawValue }

  /// The least format version that a reader of the section has.
  var version: UInt16 {
    switch self {
    case .ids, .vectors, .idOrder, .inverseNorms: 1
    case .lists, .graph, .calibration: 2
    case .attributes, .payload: 3
    case .stringIDs: 4
    case .valueOrder: 5
    }
  }

  var encoding: SectionEncoding {
    switch self {
    case .ids, .attributes, .payload: .lz4
    default: .raw
    }
  }

  /// Raw bytes of a block; only the last may have fewer.
  var blockBytes: Int { self == .payload ? Limits.payloadBlockBytes : Limits.blockBytes }
}

enum SectionEncoding: UInt32 {
  case raw = 0
  case lz4 = 1

  var name: String { self == .raw ? "raw" : "LZ4 blocks" }
}

enum SegmentFormat {
  /// The greatest version that is read.
  static let version: UInt16 = 5
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

  static func blockCount(_ rawBytes: Int, of kind: SectionKind) -> Int {
    (rawBytes + kind.blockBytes - 1) / kind.blockBytes
  }

  /// Raw bytes of block `number` of a section: all but the last are full.
  static func blockBytes(_ number: Int, of kind: SectionKind, _ rawBytes: Int) -> Int {
    min(kind.blockBytes, rawBytes - number * kind.blockBytes)
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
    return rest.allSatisfy { $0.isOptional && $0.version <= version }
  }

  /// The raw lengths that the header's counts allow a section. An optional section's own header says how long it must be.
  static func rawBytes(_ kind: SectionKind, _ header: SegmentHeader) -> ClosedRange<Int> {
    switch kind {
    case .ids: return header.rowCount...(header.rowCount * idBytesMax)
    case .vectors:
      let count = header.rowCount * header.dimension * header.elementType.byteCount
      return count...count
    case .idOrder, .inverseNorms: return (header.rowCount * 4)...(header.rowCount * 4)
    case .lists, .graph, .calibration, .attributes, .payload, .stringIDs, .valueOrder: return 1...Limits.segmentBytesMax
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
