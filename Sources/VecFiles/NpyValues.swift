package import VecCore

/// Numbers of a one-dimensional npy file of floats: one per id of another file, say. float64 is rounded to float32.
package final class NpyValues {
  private let reader: NpyReader

  package init(path: String) throws(VecError) {
    reader = try NpyReader(columnAt: path) { (description, name) throws(VecError) in
      try description.floatType(of: name, "values")
    }
  }

  package var count: Int { reader.rowCount }

  /// The next `count` values, which must be there.
  package func next(_ count: Int) throws(VecError) -> [Float] {
    var values: [Float] = []
    while values.count < count {
      guard let (first, _, bytes) = try reader.next(limit: count - values.count) else {
        throw reader.stream.malformed("ends after \(reader.position) values")
      }
      values += try reader.floats(of: bytes, firstRow: first)
    }
    // The last call also checks that nothing follows.
    if reader.position == reader.rowCount { _ = try reader.next() }
    return values
  }
}
