package import VecCore

/// Vectors of an fvecs file: per row an int32 dimension and that many float32, all little-endian.
package final class FvecsSource: VectorSource {
  private let stream: ByteStream
  private let ids: IDSource?
  private let scratch: UnsafeMutableRawBufferPointer
  private let rowBytes: Int
  private var position = 0
  package let dimension: Int?
  package let rowCount: Int?

  package var name: String { stream.name }

  package init(stream: ByteStream, ids: IDSource?) throws(VecError) {
    let start = try stream.peek(4)
    var width = 0
    if start.count == 4 {
      width = Int(Int32(bitPattern: start.reversed().reduce(0) { $0 << 8 | UInt32($1) }))
      guard (1...Limits.dimensionMax).contains(width) else {
        throw stream.malformed(
          "row 0 claims \(width) dimensions, must be 1 to \(Limits.dimensionMax); "
            + "an fvecs file has an int32 dimension before each row")
      }
    } else if !start.isEmpty {
      throw stream.malformed("ends after \(start.count) bytes, inside the dimension of row 0")
    }
    self.stream = stream
    self.ids = ids
    dimension = width == 0 ? nil : width
    rowBytes = 4 + 4 * width
    scratch = .allocate(byteCount: max(1, NpyReader.blockBytes / rowBytes) * rowBytes, alignment: 64)
    guard let byteCount = stream.byteCount else {
      rowCount = nil
      return
    }
    rowCount = width == 0 ? 0 : Int(byteCount) / rowBytes
    if Int(byteCount) % rowBytes != 0, width != 0 {
      throw stream.malformed(
        "is \(byteCount) bytes long, not a multiple of the \(rowBytes) bytes of a row of \(width) values; "
          + "row \(Int(byteCount) / rowBytes) is cut short, or rows differ in dimension")
    }
    try ids?.check(rowCount: rowCount ?? 0, of: stream.name)
  }

  deinit { scratch.deallocate() }

  package func nextBlock() throws(VecError) -> VectorBlock? {
    guard let dimension else { return nil }
    let found = try stream.read(into: scratch)
    guard found > 0 else {
      try ids?.finish()
      return nil
    }
    let rows = found / rowBytes
    guard found % rowBytes == 0 else {
      throw stream.malformed("ends inside row \(position + rows), \(rowBytes - found % rowBytes) bytes are missing")
    }
    var values: [Float] = []
    values.reserveCapacity(rows * dimension)
    for row in 0..<rows {
      let told = scratch.loadUnaligned(fromByteOffset: row * rowBytes, as: Int32.self)
      guard Int(told) == dimension else {
        throw stream.malformed("row \(position + row) has \(told) dimensions, row 0 has \(dimension); all must agree")
      }
      let row = scratch[(row * rowBytes + 4)..<((row + 1) * rowBytes)]
      values.append(contentsOf: UnsafeRawBufferPointer(rebasing: row).assumingMemoryBound(to: Float.self))
    }
    let own = try ids?.next(rows) ?? IDBlock(ids: (position..<(position + rows)).map(UInt64.init))
    position += rows
    return VectorBlock(own, elements: .f32(values))
  }
}
