package import VecCore

/// Some consecutive queries of an npy file.
package struct QueryBlock: Sendable {
  package var firstQuery: Int
  package var queryCount: Int
  /// Query after query, interest after interest.
  package var vectors: [Float]
}

/// Query vectors of an npy file: (queries, dimension), or (users, interests, dimension).
package final class QuerySource {
  private let reader: NpyReader
  package let interests: Int
  package let dimension: Int

  package var queryCount: Int { reader.rowCount }

  /// - Parameter hasInterests: the file is (users, interests, dimension).
  package init(path: String, hasInterests: Bool) throws(VecError) {
    let stream = try ByteStream(path: path)
    let header = try NpyHeader(from: stream)
    let type = try header.description.floatType(of: stream.name)
    if !hasInterests, header.shape.count == 3 {
      throw stream.malformed(
        "its shape is \(header.shapeText), must be (queries, dimension); for several vectors per user add --interests")
    }
    let (rows, width) = try header.rows(
      rank: hasInterests ? 3 : 2, shapeName: hasInterests ? "(users, interests, dimension)" : "(queries, dimension)",
      stream: stream)
    interests = hasInterests ? header.shape[1] : 1
    dimension = header.shape[header.shape.count - 1]
    guard (1...Limits.dimensionMax).contains(dimension) else {
      throw stream.malformed("its vectors have \(dimension) dimensions, must be 1 to \(Limits.dimensionMax)")
    }
    guard (1...Limits.interestsMax).contains(interests) else {
      throw stream.malformed("it has \(interests) vectors per user, must be 1 to \(Limits.interestsMax)")
    }
    reader = try NpyReader(stream: stream, type: type, rows: rows, width: width)
  }

  /// The next queries, at most `limit`; nil after the last.
  package func next(limit: Int) throws(VecError) -> QueryBlock? {
    guard let (first, rows, bytes) = try reader.next(limit: max(1, limit)) else { return nil }
    return QueryBlock(firstQuery: first, queryCount: rows, vectors: try reader.floats(of: bytes, firstRow: first))
  }
}
