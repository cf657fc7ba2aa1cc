package import VecCore

/// Vectors of an npy file of shape (rows, dimension): float32 and float16 as they are, float64 rounded to float32.
package final class NpySource: VectorSource {
  private let reader: NpyReader
  private let ids: IDSource?

  package var name: String { reader.stream.name }
  package var dimension: Int? { reader.width }
  package var rowCount: Int? { reader.rowCount }

  package init(stream: ByteStream, ids: IDSource?) throws(VecError) {
    let header = try NpyHeader(from: stream)
    let type = try header.description.floatType(of: stream.name)
    let (rows, width) = try header.rows(rank: 2, shapeName: "(rows, dimension)", stream: stream)
    guard (1...Limits.dimensionMax).contains(width) else {
      throw stream.malformed("its vectors have \(width) dimensions, must be 1 to \(Limits.dimensionMax)")
    }
    reader = try NpyReader(stream: stream, type: type, rows: rows, width: width)
    self.ids = ids
    try ids?.check(rowCount: rows, of: stream.name)
  }

  package func nextBlock() throws(VecError) -> VectorBlock? {
    guard let (first, rows, bytes) = try reader.next() else {
      try ids?.finish()
      return nil
    }
    let elements: VectorBlock.Elements =
      reader.type == .f2
      ? .f16(Array(bytes.assumingMemoryBound(to: UInt16.self)))
      : .f32(try reader.floats(of: bytes, firstRow: first))
    let own = try ids?.next(rows) ?? IDBlock(ids: (first..<(first + rows)).map(UInt64.init))
    return VectorBlock(own, elements: elements)
  }
}

extension NpyReader {
  /// The values of a block as float32. float64 is rounded to nearest; a finite one beyond float32 is refused.
  func floats(of bytes: UnsafeRawBufferPointer, firstRow: Int) throws(VecError) -> [Float] {
    switch type {
    case .f4: return Array(bytes.assumingMemoryBound(to: Float.self))
    case .f2: return bytes.assumingMemoryBound(to: UInt16.self).map { Float(Float16(bitPattern: $0)) }
    default: break
    }
    let wide = bytes.assumingMemoryBound(to: Double.self)
    let narrow = wide.map { Float($0) }
    for (position, value) in narrow.enumerated() where value.isInfinite && wide[position].isFinite {
      throw stream.malformed(
        "row \(firstRow + position / width), component \(position % width): \(wide[position]) does not fit float32")
    }
    return narrow
  }
}
