package import VecCore

/// The ranges of request values: below is `invalid-argument`, above `limit-exceeded`. Each returns what it was given.
enum RequestLimits {
  @discardableResult
  static func dimension(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.dimensionMax, "dimension")
  }

  @discardableResult
  static func k(_ value: Int) throws(VecError) -> Int { try within(value, Limits.kMax, "k") }

  @discardableResult
  static func interests(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.interestsMax, "interests per query")
  }

  @discardableResult
  static func queries(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.queriesMax, "queries per search")
  }

  @discardableResult
  static func ingestRows(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.ingestRowsMax, "rows per ingest frame")
  }

  @discardableResult
  static func getIds(_ value: Int) throws(VecError) -> Int { try within(value, Limits.getIdsMax, "ids per get") }

  @discardableResult
  static func upsertRows(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.upsertRowsMax, "rows per upsert")
  }

  @discardableResult
  static func deleteIds(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.deleteIdsMax, "ids per delete")
  }

  @discardableResult
  static func biasIds(_ value: Int) throws(VecError) -> Int { try within(value, Limits.biasIdsMax, "ids per bias request") }

  @discardableResult
  static func excludeIds(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.excludeIdsMax, "ids per exclude")
  }

  /// Both must be within their limits already.
  static func upsertBytes(rows: Int, dimension: Int) throws(VecError) {
    let (rowBytes, limit) = (8 + 4 * dimension, Limits.upsertBytesMax)
    guard rows * rowBytes <= limit else {
      throw VecError(
        .limitExceeded,
        "\(rows) rows of dimension \(dimension) make \(rows * rowBytes) bytes, an upsert holds at most \(limit); "
          + "send at most \(limit / rowBytes) rows at once")
    }
  }

  @discardableResult
  static func sampleQueries(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.sampleQueriesMax, "queries of a sample")
  }

  @discardableResult
  static func publishQueries(_ value: Int) throws(VecError) -> Int {
    try within(value, Limits.publishQueriesMax, "queries of a checked publish")
  }

  @discardableResult
  static func ping(_ value: Int) throws(VecError) -> Int {
    guard value <= Limits.pingBytesMax else { throw above(value, Limits.pingBytesMax, "bytes of a ping") }
    return value
  }

  static func results(queries: Int, k: Int) throws(VecError) {
    let (results, overflow) = queries.multipliedReportingOverflow(by: k)
    guard !overflow, results <= Limits.resultsMax else {
      throw VecError(
        .limitExceeded,
        "\(queries) queries x k \(k) asks for more than \(Limits.resultsMax) results; send fewer queries per request")
    }
  }

  static func excludedIds(_ count: Int) throws(VecError) {
    guard count <= Limits.excludedIdsMax else { throw above(count, Limits.excludedIdsMax, "excluded ids in one search") }
  }

  static func filterBytes(_ count: Int) throws(VecError) {
    guard count <= Limits.filterBytesMax else { throw above(count, Limits.filterBytesMax, "bytes of a filter") }
  }

  static func upsertRecords(byteCount: Int) throws(VecError) {
    guard byteCount <= Limits.upsertRecordBytesMax else {
      throw above(byteCount, Limits.upsertRecordBytesMax, "bytes of the attributes and payloads of an upsert")
    }
  }

  private static func within(_ value: Int, _ limit: Int, _ what: String) throws(VecError) -> Int {
    guard value >= 1 else { throw VecError(.invalidArgument, "\(what) is \(value), must be 1 to \(limit)") }
    guard value <= limit else { throw above(value, limit, what) }
    return value
  }

  private static func above(_ value: Int, _ limit: Int, _ what: String) -> VecError {
    VecError(.limitExceeded, "\(what): \(value) is above the limit of \(limit)")
  }
}

extension Request {
  /// Checks every value against the limits of the protocol: what a daemon does on decoding and a client before sending.
  ///
  /// - Throws: `invalid-argument` or `limit-exceeded`, naming the value and its range.
  package func check() throws(VecError) {
    switch self {
    case .hello, .list, .ingestCommit, .ingestAbort, .stats: break
    case .ping(let bytes): try RequestLimits.ping(bytes.count)
    case .create(let create):
      try Names.checkCollection(create.collection)
      try RequestLimits.dimension(create.dimension)
      try AttributeDefinition.check(create.attributes)
    case .drop(let drop): try Self.checkNames(drop.collection, drop.generation)
    case .ingestBegin(let begin):
      try Self.checkNames(begin.collection, begin.generation)
      if let model = begin.model { try Names.checkModel(model) }
    case .ingestRows(let rows): try rows.check()
    case .buildIndex(let build): try build.check()
    case .publish(let publish): try publish.check()
    case .publishTogether(let publishes): try PublishRequest.check(publishes)
    case .rollback(let collection), .describe(let collection): try Names.checkCollection(collection)
    case .generations(let generations): try Names.checkCollection(generations.collection)
    case .configure(let configure):
      try Names.checkCollection(configure.collection)
      try configure.change.check()
    case .verify(let collection): if let collection { try Names.checkCollection(collection) }
    case .search(let search): try search.check()
    case .get(let get):
      try Self.checkNames(get.collection, get.generation)
      try RequestLimits.getIds(get.ids.count)
    case .upsert(let upsert): try upsert.check()
    case .delete(let delete): try delete.check()
    case .seal(let of), .compact(let of), .cancelBuild(let of), .capturedQueries(let of):
      try Self.checkNames(of.collection, of.generation)
    case .snapshot(let name): try Names.checkSnapshot(name)
    case .addAttribute(let add):
      try Names.checkCollection(add.collection)
      try Names.checkAttribute(add.attribute.name)
    case .exclude(let exclude): try exclude.check()
    case .bias(let bias): try bias.check()
    case .forgetExclusions(let of), .exclusions(let of): try of.check("exclude set")
    case .forgetBiases(let of), .biases(let of): try of.check("bias set")
    }
  }

  static func checkNames(_ collection: String, _ generation: String?) throws(VecError) {
    try Names.checkCollection(collection)
    if let generation { try Names.checkLabel(generation) }
  }
}
