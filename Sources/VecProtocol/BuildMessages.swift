package import VecCore

package struct BuildIndexRequest: Sendable, Equatable {
  package var collection: String
  /// Nil takes the only building generation.
  package var generation: String?
  /// Nil is auto.
  package var index: IndexType?
  /// Whether the reply waits for the end of the build.
  package var wait: Bool
  /// Above 0 and at most 1; nil leaves it to vecd.
  package var targetRecall: Float?
  package var sample: QuerySample?

  package init(
    collection: String, generation: String? = nil, index: IndexType? = nil, wait: Bool, targetRecall: Float? = nil,
    sample: QuerySample? = nil
  ) {
    self.collection = collection
    self.generation = generation
    self.index = index
    self.wait = wait
    self.targetRecall = targetRecall
    self.sample = sample
  }
}

extension BuildIndexRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> BuildIndexRequest {
    var request = BuildIndexRequest(
      collection: try reader.readString(), generation: try reader.readOptionalString(), index: try reader.readIndex(),
      wait: try reader.readBool())
    let bits: UInt32 = try reader.read()
    request.targetRecall = bits == 0 ? nil : Float(bitPattern: bits)
    let count = Int(try reader.read(UInt32.self))
    let dimension = Int(try reader.read(UInt32.self))
    guard count > 0 else {
      guard dimension == 0 else { throw reader.failure("a sample of no queries has dimension \(dimension), must be 0") }
      return request
    }
    try RequestLimits.sampleQueries(count)
    try RequestLimits.dimension(dimension)
    // Both are within their limits now, so the product is far from overflow.
    request.sample = QuerySample(
      dimension: dimension, vectors: try reader.readArray(Float.self, count: count * dimension))
    return request
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    writer.write(index?.rawValue ?? 0)
    writer.write(wait)
    writer.write(targetRecall?.bitPattern ?? 0)
    writer.write(UInt32(clamping: sample.map { $0.vectors.count / max(1, $0.dimension) } ?? 0))
    writer.write(UInt32(clamping: sample?.dimension ?? 0))
    if let sample { writer.write(array: sample.vectors) }
  }

  func check() throws(VecError) {
    try Request.checkNames(collection, generation)
    // Written so that NaN fails as well.
    if let targetRecall, !(targetRecall > 0 && targetRecall <= 1) {
      throw VecError(.invalidArgument, "target recall is \(targetRecall), must be above 0 and at most 1")
    }
    guard let sample else { return }
    try RequestLimits.dimension(sample.dimension)
    guard sample.vectors.count % sample.dimension == 0 else {
      throw VecError(
        .invalidArgument,
        "sample: \(sample.vectors.count) values are not whole queries of dimension \(sample.dimension)")
    }
    try RequestLimits.sampleQueries(sample.vectors.count / sample.dimension)
  }
}
