import Glibc
import VecCore
import VecStorage

/// Rows from which a segment of known content is written.
struct SegmentFixture: CustomStringConvertible, Sendable {
  var name: String
  var description: String { name }
  var header: SegmentHeader
  var ids: [UInt64]
  /// As stored: row after row.
  var vectors: [UInt8]
  var inverseNorms: [Float]

  init(
    _ name: String, uuid: UUID, dimension: Int, _ metric: Metric, _ type: ElementType, ids: [UInt64], values: [Float],
    generation: UInt64 = 2
  ) {
    self.name = name
    self.ids = ids
    let norms = ids.indices.map { row in
      values[(row * dimension)..<((row + 1) * dimension)].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    header = SegmentHeader(
      uuid: uuid, dimension: dimension, metric: metric, elementType: type, rowCount: ids.count, collectionNumber: 1,
      generationNumber: generation, greatestNorm: SegmentHeader.roundedUp(norms.max() ?? 0),
      leastNorm: SegmentHeader.roundedDown(norms.min() ?? 0), writer: "vecd 0.1.0")
    inverseNorms = norms.map { Float(1 / $0) }
    var out = ByteWriter()
    for value in values {
      switch type {
      case .f32: out.write(value)
      case .f16: out.write(Float16(value).bitPattern)
      case .bf16: out.write(UInt16(value.bitPattern >> 16))
      }
    }
    vectors = out.bytes
  }

  /// Random rows whose values every element type holds exactly.
  static func random(
    _ name: String, seed: UInt64, rows: Int, dimension: Int, _ metric: Metric, _ type: ElementType
  ) -> SegmentFixture {
    var random = SplitMix64(seed: seed)
    var ids: Set<UInt64> = []
    while ids.count < rows { ids.insert(random.next() >> (random.next() % 50)) }
    let values = (0..<(rows * dimension)).map { _ in Float(Int(random.next() % 15) + 1) / 4 }
    return SegmentFixture(
      name, uuid: UUID(high: seed, low: random.next()), dimension: dimension, metric, type,
      ids: ids.sorted().shuffled(using: &random), values: values)
  }

  @discardableResult
  func write(to store: StoreDirectory) throws -> SegmentIdentity {
    let writer = try SegmentWriter(directory: store, header: header)
    try fill(writer)
    return try writer.publish()
  }

  func fill(_ writer: SegmentWriter) throws {
    try writer.writeIDs(ids)
    try writer.writeSection(.vectors) { (append) throws(VecError) in
      // Pieces of an odd size, so that blocks are cut by the writer and not by this loop.
      for start in stride(from: 0, to: vectors.count, by: 70_001) {
        try Array(vectors[start..<min(start + 70_001, vectors.count)]).passed(to: append)
      }
    }
    try writer.writeIDOrder(of: ids)
    if header.metric == .cosine { try writer.writeInverseNorms(inverseNorms) }
  }

  /// The bytes of the published file.
  func fileBytes() throws -> [UInt8] {
    let scratch = ScratchDirectory()
    let store = try StoreDirectory(path: scratch.path, create: true)
    try write(to: store)
    guard let bytes = Files.read(store.segmentPath(header.uuid)) else {
      throw VecError(.internalDefect, "the published file cannot be read")
    }
    return bytes
  }
}

extension SegmentFixture {
  /// The worked example of Formats/segment.md.
  static let tiny = SegmentFixture(
    "tiny-ip-f32", uuid: UUID(high: 0x0706_0504_0302_0100, low: 0x0F0E_0D0C_0B0A_0908), dimension: 2, .ip, .f32,
    ids: [7, 5], values: [1, 2, 3, 4])

  static let cosine = random("cosine-f16", seed: 11, rows: 24, dimension: 5, .cosine, .f16)
  static let l2 = random("l2-bf16", seed: 12, rows: 40, dimension: 8, .l2, .bf16)

  /// Ids of ten bytes each that pack well: two LZ4 blocks in a small file.
  static let manyBlocks: SegmentFixture = {
    let rows = 27_000
    return SegmentFixture(
      "many-blocks-l2-bf16", uuid: UUID(high: 13, low: 13), dimension: 1, .l2, .bf16,
      ids: (0..<rows).map { UInt64($0) &* 0x6000_0000_0000_0001 }, values: (0..<rows).map { Float($0 % 7) })
  }()

  static let small = [tiny, cosine, l2]
  static let golden = small + [manyBlocks]
}
