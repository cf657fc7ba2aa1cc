package import VecCore

/// Ids of a one-dimensional npy file of integers, read along with the vectors.
package final class NpyIds {
  private let reader: NpyReader

  package init(path: String) throws(VecError) {
    reader = try NpyReader(columnAt: path) { (description, name) throws(VecError) in try description.idType(of: name) }
  }

  /// Ids in all.
  package var rowCount: Int { reader.rowCount }

  /// The next ids, at most `limit`; nil after the last. For ids that come without vectors.
  package func nextBlock(limit: Int) throws(VecError) -> [UInt64]? {
    let left = reader.rowCount - reader.position
    return left > 0 ? try next(min(left, max(1, limit))) : nil
  }

  /// Demands one id per row of the vectors in `name`.
  func check(rowCount: Int, of name: String) throws(VecError) {
    guard reader.rowCount == rowCount else {
      throw reader.stream.malformed("holds \(reader.rowCount) ids, must be \(rowCount), one per row of \(name)")
    }
  }

  /// The next `count` ids.
  func next(_ count: Int) throws(VecError) -> [UInt64] {
    var ids: [UInt64] = []
    ids.reserveCapacity(count)
    while ids.count < count {
      guard let (first, _, bytes) = try reader.next(limit: count - ids.count) else {
        throw reader.stream.malformed("ends after \(reader.position) ids")
      }
      try append(bytes, firstRow: first, to: &ids)
    }
    // The last call also checks that nothing follows.
    if reader.position == reader.rowCount { _ = try reader.next() }
    return ids
  }

  private func append(_ bytes: UnsafeRawBufferPointer, firstRow: Int, to ids: inout [UInt64]) throws(VecError) {
    switch reader.type {
    case .u8: ids.append(contentsOf: bytes.assumingMemoryBound(to: UInt64.self))
    case .u4: ids.append(contentsOf: bytes.assumingMemoryBound(to: UInt32.self).lazy.map(UInt64.init))
    case .i8: try append(signed: bytes.assumingMemoryBound(to: Int64.self), firstRow: firstRow, to: &ids)
    default: try append(signed: bytes.assumingMemoryBound(to: Int32.self), firstRow: firstRow, to: &ids)
    }
  }

  private func append<T: SignedInteger>(
    signed values: UnsafeBufferPointer<T>, firstRow: Int, to ids: inout [UInt64]
  ) throws(VecError) {
    for (position, value) in values.enumerated() {
      guard let id = UInt64(exactly: value) else {
        throw reader.stream.malformed("the id of row \(firstRow + position) is \(value), ids must be 0 or more")
      }
      ids.append(id)
    }
  }
}
