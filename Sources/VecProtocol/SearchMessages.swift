import VecCore

/// Search is the request that counts: its vectors, ids and scores are read and written as blocks of memory.
extension SearchRequest {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> SearchRequest {
    let collection = try reader.readString()
    let generation = try reader.readOptionalString()
    let k = try RequestLimits.k(Int(try reader.read(UInt32.self)))
    let effort = try SearchEffort.parse(&reader)
    let index = try reader.readIndex()
    let interests = try RequestLimits.interests(Int(try reader.read(UInt16.self)))
    let queryCount = try RequestLimits.queries(Int(try reader.read(UInt32.self)))
    let dimension = try RequestLimits.dimension(Int(try reader.read(UInt32.self)))
    // All three are within their limits now, so the product is far from overflow.
    let vectors = try reader.readArray(Float.self, count: queryCount * interests * dimension)
    let options = try SearchOptions.parse(&reader, queryCount: queryCount, interests: interests)
    return SearchRequest(
      collection: collection, generation: generation, k: k, effort: effort, index: index, interests: interests,
      dimension: dimension, vectors: vectors, leastSequence: options.leastSequence, excluded: options.excluded,
      excludeSets: options.excludeSets, scoreLimit: options.scoreLimit, filter: options.filter, fields: options.fields,
      selection: options.selection, weights: options.weights, logSumExp: options.logSumExp,
      model: options.model, bias: options.bias)
  }

  /// What a search asks, and of how many vectors, without the vectors and options: the beginning of its body. Nil where the
  /// body is too short to be one.
  package static func head(of body: [UInt8]) -> ArraySlice<UInt8>? {
    var end = 0
    for _ in 0..<2 {  // collection and generation
      guard body.count >= end + 2 else { return nil }
      end += 2 + Int(body[end]) + Int(body[end + 1]) << 8
    }
    end += 4 + 1 + 4 + 1 + 2 + 4 + 4  // k, effort and its value, index, interests, queries, dimension
    return body.count >= end ? body[..<end] : nil
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    writer.write(UInt32(clamping: k))
    writer.write(effort.wireKind)
    writer.write(effort.wireValue)
    writer.write(index?.rawValue ?? 0)
    writer.write(UInt16(clamping: interests))
    writer.write(UInt32(clamping: queryCount))
    writer.write(UInt32(clamping: dimension))
    writer.write(array: vectors)
    SearchOptions(
      leastSequence: leastSequence, excluded: excluded, scoreLimit: scoreLimit, filter: filter, fields: fields,
      excludeSets: excludeSets, model: model, selection: selection, weights: weights, logSumExp: logSumExp,
      bias: bias
    ).encode(into: &writer)
  }

  func check() throws(VecError) {
    try Request.checkNames(collection, generation)
    try RequestLimits.k(k)
    try effort.check()
    try RequestLimits.interests(interests)
    try RequestLimits.dimension(dimension)
    guard vectors.count % (interests * dimension) == 0 else {
      throw VecError(
        .invalidArgument,
        "search: \(vectors.count) values are not whole queries of \(interests) x \(dimension) values")
    }
    try RequestLimits.queries(queryCount)
    try RequestLimits.results(queries: queryCount, k: k)
    try checkOptions()
  }

  private func checkOptions() throws(VecError) {
    guard excluded.count <= 1 || excluded.count == queryCount else {
      throw VecError(
        .invalidArgument,
        "search: \(excluded.count) sets of excluded ids for \(queryCount) queries; give one for all, or one for each")
    }
    try ExcludeSetNames.check(excludeSets, queryCount: queryCount)
    try RequestLimits.excludedIds(excluded.reduce(0) { $0 + $1.count })
    try RequestLimits.filterBytes(filter.count)
    try selection.check(k: k, interests: interests)
    try checkWeights()
    try checkLogSumExp()
    if let model { try Names.checkModel(model) }
    if let bias { try Names.checkBiasSet(bias) }
    guard scoreLimit?.isFinite ?? true else {
      throw VecError(.invalidArgument, "the score limit is \(scoreLimit ?? 0), must be a finite number")
    }
  }
}

extension SearchEffort {
  fileprivate static func parse(_ reader: inout ByteReader) throws(VecError) -> SearchEffort {
    let kind = try reader.read(UInt8.self)
    let value = try reader.read(UInt32.self)
    switch kind {
    case 1: return .recall(Float(bitPattern: value))
    case 2: return .ef(value)
    case 3: return .nprobe(value)
    case 0, 4:
      guard value == 0 else { throw reader.failure("effort \(kind) takes no value, \(value) is given instead of 0") }
      return kind == 0 ? .standard : .exact
    default: throw reader.failure("effort \(kind) is unknown, must be 0 to 4")
    }
  }

  fileprivate var wireKind: UInt8 {
    switch self {
    case .standard: 0
    case .recall: 1
    case .ef: 2
    case .nprobe: 3
    case .exact: 4
    }
  }

  fileprivate var wireValue: UInt32 {
    switch self {
    case .standard, .exact: 0
    case .recall(let share): share.bitPattern
    case .ef(let value), .nprobe(let value): value
    }
  }

  fileprivate func check() throws(VecError) {
    switch self {
    case .standard, .exact: break
    case .recall(let share):
      guard share > 0, share <= 1 else {
        throw VecError(.invalidArgument, "recall target is \(share), must be above 0 and at most 1")
      }
    case .ef(let value):
      guard value >= 1 else { throw VecError(.invalidArgument, "ef is 0, must be 1 or more") }
    case .nprobe(let value):
      guard value >= 1 else { throw VecError(.invalidArgument, "nprobe is 0, must be 1 or more") }
    }
  }
}

extension SearchReply {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> SearchReply {
    let generation = try reader.readString()
    let number: UInt64 = try reader.read()
    let sequence: UInt64 = try reader.read()
    guard let index = try reader.readIndex() else { throw reader.failure("index is 0, must be the one used") }
    let parameter: UInt32 = try reader.read()
    let recall = try reader.readFloat()
    let queryCount = try reader.readCount(leastBytes: 4, of: "queries")
    let counts = try reader.readArray(UInt32.self, count: queryCount)
    // At most 2^24 counts of 32 bits each: the sum fits a 64-bit Int.
    let total = counts.reduce(0) { $0 + Int($1) }
    guard total <= reader.remaining / 13 else { throw reader.failure("\(total) results cannot fit in the rest") }
    var reply = SearchReply(
      generation: generation, generationNumber: number, sequence: sequence, index: index, parameter: parameter,
      expectedRecall: recall, resultCounts: counts, ids: try reader.readArray(UInt64.self, count: total),
      scores: try reader.readArray(Float.self, count: total),
      interests: try reader.readArray(UInt8.self, count: total))
    guard reply.interests.allSatisfy({ $0 < Limits.interestsMax }) else {
      throw reader.failure("a result names an interest above \(Limits.interestsMax - 1)")
    }
    if reader.remaining > 0 { reply.records = try AttributeRecord.read(&reader, count: total) }
    return reply
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: generation)
    writer.write(generationNumber)
    writer.write(sequence)
    writer.write(index.rawValue)
    writer.write(parameter)
    writer.write(expectedRecall)
    writer.write(UInt32(clamping: resultCounts.count))
    writer.write(array: resultCounts)
    writer.write(array: ids)
    writer.write(array: scores)
    writer.write(array: interests)
    AttributeRecord.write(records, to: &writer)
  }
}

extension GetReply {
  static func parse(_ reader: inout ByteReader) throws(VecError) -> GetReply {
    let generation = try reader.readString()
    let dimension = Int(try reader.read(UInt32.self))
    guard dimension <= Limits.dimensionMax else {
      throw reader.failure("dimension is \(dimension), must be at most \(Limits.dimensionMax)")
    }
    let count = try reader.readCount(leastBytes: 1, of: "ids")
    let flags = try reader.readBytes(count)
    guard flags.allSatisfy({ $0 <= 1 }) else { throw reader.failure("a found flag is neither 0 nor 1") }
    let found = flags.map { $0 == 1 }
    let foundCount = found.reduce(0) { $0 + ($1 ? 1 : 0) }
    var reply = GetReply(
      generation: generation, dimension: dimension, found: found,
      vectors: try reader.readArray(Float.self, count: foundCount * dimension))
    if reader.remaining > 0 { reply.records = try AttributeRecord.read(&reader, count: foundCount) }
    return reply
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: generation)
    writer.write(UInt32(clamping: dimension))
    writer.write(UInt32(clamping: found.count))
    writer.write(array: found.map { $0 ? 1 as UInt8 : 0 })
    writer.write(array: vectors)
    AttributeRecord.write(records, to: &writer)
  }
}
