package import VecCore

/// The lists section of a segment; Formats/lists.md says the same in words.
extension IVFLists {
  private static let magic: UInt32 = 0x4C46_5649  // "IVFL"
  private static let version: UInt16 = 1
  static let headerBytes = 64
  /// Centroids are means of rows, so they are not longer than these, but for rounding.
  private static let normMax = Limits.normMax * 1.001

  /// Bytes of the section.
  package var byteCount: Int { Self.headerBytes + 4 * (count + 1) + 4 * count + 4 * count * dimension }

  package func encode() -> [UInt8] {
    var writer = ByteWriter(reserving: byteCount)
    writer.write(Self.magic)
    writer.write(Self.version)
    writer.write(UInt8(metric.rawValue))
    writer.write(UInt8(0))
    writer.write(UInt32(dimension))
    writer.write(UInt32(rowCount))
    writer.write(UInt32(count))
    for _ in 0..<((Self.headerBytes - 20) / 4) { writer.write(UInt32(0)) }
    writer.write(array: starts)
    writer.write(array: spreads)
    writer.write(array: centroids)
    return writer.bytes
  }

  /// Reads lists that nobody vouches for. What comes out leads a search to every row once and nowhere else.
  ///
  /// - Parameters:
  ///   - rowCount: like dimension and metric that of the segment which the lists must belong to.
  /// - Throws: `segment-damaged` saying what breaks the format.
  package convenience init(
    decoding bytes: UnsafeRawBufferPointer, rowCount: Int, dimension: Int, metric: Metric
  ) throws(VecError) {
    var reader = ByteReader(bytes, code: .segmentDamaged, context: "section lists")
    let count = try Self.readHeader(&reader, rowCount, dimension, metric)
    let starts = try reader.readArray(UInt32.self, count: count + 1)
    guard starts[0] == 0, Int(starts[count]) == rowCount else {
      throw reader.failure("lists cover rows \(starts[0]) to \(starts[count]), must cover 0 to \(rowCount)")
    }
    if let list = (0..<count).first(where: { starts[$0] >= starts[$0 + 1] }) {
      throw reader.failure("list \(list) runs from row \(starts[list]) to \(starts[list + 1]), must have a row")
    }
    let spreads = try reader.readArray(Float.self, count: count)
    if let list = spreads.firstIndex(where: { !($0 >= 0 && Double($0) <= 2 * Self.normMax) }) {
      throw reader.failure("the spread of list \(list) is \(spreads[list]), must be 0 to \(2 * Self.normMax)")
    }
    let centroids = try reader.readArray(Float.self, count: count * dimension)
    if let place = centroids.firstIndex(where: { !(Double(abs($0)) <= Self.normMax) }) {
      throw reader.failure(
        "component \(place % dimension) of centroid \(place / dimension) is \(centroids[place]), "
          + "must be finite and at most \(Self.normMax)")
    }
    try reader.finish()
    self.init(dimension: dimension, metric: metric, starts: starts, centroids: centroids, spreads: spreads)
  }

  /// The number of lists, when the header is one of this segment.
  private static func readHeader(
    _ reader: inout ByteReader, _ rowCount: Int, _ dimension: Int, _ metric: Metric
  ) throws(VecError) -> Int {
    guard try reader.read(UInt32.self) == magic else { throw reader.failure("no lists start here") }
    let version = try reader.read(UInt16.self)
    guard version == Self.version else { throw reader.failure("version \(version) of lists is not known") }
    let metricCode = try reader.read(UInt8.self)
    var reserved = UInt32(try reader.read(UInt8.self))
    let foundDimension = try reader.read(UInt32.self)
    let rows = try reader.read(UInt32.self)
    guard metricCode == UInt8(metric.rawValue), Int(foundDimension) == dimension, Int(rows) == rowCount else {
      throw reader.failure(
        "they are of \(rows) rows of dimension \(foundDimension) under metric \(metricCode), the segment has "
          + "\(rowCount) of dimension \(dimension) under \(metric.rawValue)")
    }
    let count = try reader.read(UInt32.self)
    guard rowCount >= 1, count >= 1, count <= IVFParameters.listsMax, count <= rows else {
      throw reader.failure("there are \(count) lists, must be 1 to \(min(IVFParameters.listsMax, rowCount))")
    }
    for _ in 0..<((headerBytes - 20) / 4) { reserved |= try reader.read(UInt32.self) }
    guard reserved == 0 else { throw reader.failure("reserved bytes of the header are not zero") }
    return Int(count)
  }
}
