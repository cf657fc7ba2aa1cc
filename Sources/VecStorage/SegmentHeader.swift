package import VecCore

/// The first 128 bytes of a segment: what its rows are.
package struct SegmentHeader: Sendable, Equatable {
  package var uuid: UUID
  /// 1 to `Limits.dimensionMax`.
  package var dimension: Int
  package var metric: Metric
  package var elementType: ElementType
  /// 1 to `Limits.segmentRowsMax`.
  package var rowCount: Int
  package var collectionNumber: UInt64
  package var generationNumber: UInt64
  /// The largest Euclidean norm of a row, rounded up.
  package var greatestNorm: Float
  /// The smallest norm of a row, rounded down.
  package var leastNorm: Float
  /// The least format version a reader must know: 2 for a segment with index sections, else 1.
  package var leastReaderVersion: UInt16 = 1
  /// The version that wrote the file: at most 32 printable ASCII characters.
  package var writer: String

  package init(
    uuid: UUID, dimension: Int, metric: Metric, elementType: ElementType, rowCount: Int, collectionNumber: UInt64,
    generationNumber: UInt64, greatestNorm: Float, leastNorm: Float, writer: String = VecVersion.writer
  ) {
    self.uuid = uuid
    self.dimension = dimension
    self.metric = metric
    self.elementType = elementType
    self.rowCount = rowCount
    self.collectionNumber = collectionNumber
    self.generationNumber = generationNumber
    self.greatestNorm = greatestNorm
    self.leastNorm = leastNorm
    self.writer = writer
  }

  /// A norm as `greatestNorm` holds it: the least f32 that is not below it.
  package static func roundedUp(_ norm: Double) -> Float {
    let nearest = Float(norm)
    return Double(nearest) < norm ? nearest.nextUp : nearest
  }

  /// A norm as `leastNorm` holds it: the greatest f32 that is not above it.
  package static func roundedDown(_ norm: Double) -> Float {
    let nearest = Float(norm)
    return Double(nearest) > norm ? nearest.nextDown : nearest
  }

  /// What is wrong with the values; nil when a segment can have them.
  var complaint: String? {
    if !(1...Limits.dimensionMax).contains(dimension) {
      return "the dimension is \(dimension), must be 1 to \(Limits.dimensionMax)"
    }
    if !(1...Limits.segmentRowsMax).contains(rowCount) {
      return "the row count is \(rowCount), must be 1 to \(Limits.segmentRowsMax)"
    }
    // Written so that NaN fails as well.
    if !(leastNorm >= 0 && leastNorm <= greatestNorm && greatestNorm <= Self.roundedUp(Limits.normMax)) {
      return "the norms are \(leastNorm) to \(greatestNorm), must ascend within 0 to \(Limits.normMax)"
    }
    if metric == .cosine, leastNorm < Self.roundedDown(Limits.cosineNormMin) {
      return "the least norm is \(leastNorm), must be at least \(Limits.cosineNormMin) under cosine"
    }
    if writer.utf8.count > SegmentFormat.writerBytes || !writer.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
      return "the writer is not at most \(SegmentFormat.writerBytes) printable ASCII characters"
    }
    return nil
  }
}

// MARK: - Bytes

extension SegmentHeader {
  func encoded() -> [UInt8] {
    var out = ByteWriter(reserving: SegmentFormat.headerBytes)
    out.write(bytes: SegmentFormat.magic)
    out.write(leastReaderVersion)
    out.write(leastReaderVersion)
    out.write(0 as UInt32)
    out.write(bytes: uuid.bytes)
    out.write(UInt32(dimension))
    out.write(metric.rawValue)
    out.write(elementType.rawValue)
    out.write(0 as UInt16)
    out.write(UInt64(rowCount))
    out.write(collectionNumber)
    out.write(generationNumber)
    out.write(greatestNorm)
    out.write(leastNorm)
    out.write(bytes: writer.utf8)
    out.write(bytes: [UInt8](repeating: 0, count: SegmentFormat.writerBytes - writer.utf8.count + 20))
    out.write(SegmentChecksum.of(.header, uuid, out.bytes))
    return out.bytes
  }

  /// - Parameter path: names the file in errors.
  init(decoding bytes: [UInt8], path: String) throws(VecError) {
    self = try bytes.withBytes { (raw) throws(VecError) in
      try Self.decode(raw, bytes, path)
    }
    if let complaint { throw VecError(.segmentDamaged, "\(path): header: \(complaint)") }
  }

  private static func decode(
    _ raw: UnsafeRawBufferPointer, _ bytes: [UInt8], _ path: String
  ) throws(VecError) -> SegmentHeader {
    var reader = ByteReader(raw, code: .segmentDamaged, context: "\(path): header")
    guard try reader.readBytes(8).elementsEqual(SegmentFormat.magic) else {
      throw reader.failure("this is not a segment file: it does not begin with \\x89VSEG")
    }
    let version = try reader.read(UInt16.self)
    let leastReader = try reader.read(UInt16.self)
    let features = try reader.read(UInt32.self)
    let uuid = try readUUID(&reader)
    // The checksum comes first: a version that looks newer because a bit flipped is damage.
    guard storedChecksum(bytes) == SegmentChecksum.of(.header, uuid, Array(bytes.prefix(124))) else {
      throw VecError(.segmentDamaged, "\(path): header: its checksum does not match")
    }
    guard leastReader <= SegmentFormat.version else {
      throw VecError(
        .unsupportedFormat,
        "\(path): needs a reader of segment format \(leastReader), this one reads \(SegmentFormat.version)")
    }
    guard features == 0 else {
      throw VecError(.unsupportedFormat, "\(path): needs features 0x\(String(features, radix: 16)), unknown here")
    }
    guard leastReader >= 1, version >= leastReader else {
      throw VecError(.segmentDamaged, "\(path): header: format \(version) with least reader \(leastReader)")
    }
    var header = try decodeFields(&reader, uuid)
    header.leastReaderVersion = leastReader
    return header
  }

  private static func decodeFields(_ reader: inout ByteReader, _ uuid: UUID) throws(VecError) -> SegmentHeader {
    let dimension = try reader.read(UInt32.self)
    let rawMetric = try reader.read(UInt8.self)
    guard let metric = Metric(rawValue: rawMetric) else { throw reader.failure("metric \(rawMetric) is unknown") }
    let rawType = try reader.read(UInt8.self)
    guard let type = ElementType(rawValue: rawType) else { throw reader.failure("element type \(rawType) is unknown") }
    guard try reader.read(UInt16.self) == 0 else { throw reader.failure("reserved bytes are not 0") }
    let rowCount = try reader.read(UInt64.self)
    let collection = try reader.read(UInt64.self)
    let generation = try reader.read(UInt64.self)
    let greatest = try reader.readFloat()
    let least = try reader.readFloat()
    let name = try reader.readBytes(SegmentFormat.writerBytes)
    let length = name.firstIndex(of: 0) ?? name.count
    guard name[length...].allSatisfy({ $0 == 0 }), try reader.readBytes(20).allSatisfy({ $0 == 0 }) else {
      throw reader.failure("padding is not 0")
    }
    return SegmentHeader(
      uuid: uuid, dimension: Int(dimension), metric: metric, elementType: type, rowCount: Int(clamping: rowCount),
      collectionNumber: collection, generationNumber: generation, greatestNorm: greatest, leastNorm: least,
      writer: String(decoding: name[..<length], as: UTF8.self))
  }

  static func readUUID(_ reader: inout ByteReader) throws(VecError) -> UUID {
    guard let uuid = UUID(bytes: Array(try reader.readBytes(16))) else { throw reader.failure("no uuid") }
    return uuid
  }

  private static func storedChecksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
