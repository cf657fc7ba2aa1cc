package import VecCore
package import VecKernels

/// The inverted lists of one segment whose rows are stored list after list. Only read, by any number of threads.
package struct IVFLists: Sendable {
  package let centroids: CentroidIndex
  /// List l holds the rows `offsets[l]..<offsets[l + 1]`; one more than lists, from 0 to the row count.
  package let offsets: [UInt32]

  init(centroids: CentroidIndex, offsets: [UInt32]) {
    self.centroids = centroids
    self.offsets = offsets
  }

  package var listCount: Int { offsets.count - 1 }
  package var rowCount: Int { Int(offsets[listCount]) }

  func rows(_ list: Int) -> Range<Int> { Int(offsets[list])..<Int(offsets[list + 1]) }
}

// The bytes of the lists section: Formats/lists.md.
extension IVFLists {
  private static let magic: UInt32 = 0x5453_4C56  // "VLST"
  private static let version: UInt16 = 1

  package func encoded() -> [UInt8] {
    var out = ByteWriter(reserving: 64 + 4 * (offsets.count + centroids.centroids.count))
    out.write(Self.magic)
    out.write(Self.version)
    out.write(0 as UInt16)
    out.write(UInt32(clamping: listCount))
    out.write(UInt32(clamping: centroids.dimension))
    out.write(array: offsets)
    out.write(array: Array(centroids.centroids))
    return out.bytes
  }

  /// - Throws: `segment-damaged` for anything that a build cannot have written for so many rows.
  package init(
    decoding bytes: UnsafeRawBufferPointer, rowCount: Int, dimension: Int, metric: Metric, kernels: Kernels,
    context: String
  ) throws(VecError) {
    var reader = ByteReader(bytes, code: .segmentDamaged, context: "\(context): section lists")
    guard try reader.read(UInt32.self) == Self.magic else { throw reader.failure("it does not begin with VLST") }
    let version = try reader.read(UInt16.self)
    guard version == Self.version else {
      throw VecError(.unsupportedFormat, reader.failure("version \(version), this vecd reads \(Self.version)").message)
    }
    guard try reader.read(UInt16.self) == 0 else { throw reader.failure("reserved bytes are not 0") }
    let listCount = Int(try reader.read(UInt32.self))
    let width = Int(try reader.read(UInt32.self))
    guard (1...IVFParameters.listsMax).contains(listCount), listCount <= rowCount, width == dimension else {
      throw reader.failure("\(listCount) lists of dimension \(width) for \(rowCount) rows of dimension \(dimension)")
    }
    offsets = try reader.readArray(UInt32.self, count: listCount + 1)
    guard offsets.first == 0, offsets.last == UInt32(exactly: rowCount),
      zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw reader.failure("the lists do not ascend from row 0 to row \(rowCount)") }
    let values = try reader.readArray(Float.self, count: listCount * dimension)
    try reader.finish()
    let greatest = Float(Limits.normMax)
    guard values.allSatisfy({ $0.magnitude <= greatest }) else {
      throw reader.failure("a component of a centroid is not within \(greatest)")
    }
    for list in 0..<listCount {
      let norm = values.withUnsafeBufferPointer { values in
        values.baseAddress.map { CanonicalScore.norm($0 + list * dimension, dimension: dimension) } ?? 0
      }
      guard norm <= 1.001 * Limits.normMax else { throw reader.failure("centroid \(list) has norm \(norm)") }
    }
    centroids = try CentroidIndex(values, dimension: dimension, metric: metric, kernels: kernels)
  }
}
