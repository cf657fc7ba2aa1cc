/// What a publish insists on about the generation it replaces.
public enum ExpectedLive: Sendable, Equatable {
  case any
  /// Nothing has been published yet.
  case nothing
  case label(String)
}

/// What must hold of a generation before it is published. Nil asks for nothing.
public struct PublishChecks: Sendable, Equatable {
  /// Rows of the generation.
  public var leastRows: UInt64?
  /// Its rows in times of the live generation's.
  public var leastShare: Float?
  /// Share of the true best k that searches at its own target find.
  public var leastRecall: Float?
  /// Share of the live generation's best k that is among its own.
  public var leastOverlap: Float?
  /// Distance of the mean scores of the best k, in standard deviations of the live generation's scores.
  public var greatestDrift: Float?
  /// Share of its rows that no query is answered with.
  public var greatestUnseen: Float?
  /// The model version that it carries.
  public var model: String?
  /// Results per query; nil for 100.
  public var k: Int?
  /// Asked of the generation; nil for captured ones.
  public var queries: QuerySample?
  /// Asked of the live generation: the same users, as its model sees them.
  public var liveQueries: QuerySample?
  /// Publishes nothing.
  public var isDryRun: Bool

  public init(
    leastRows: UInt64? = nil, leastShare: Float? = nil, leastRecall: Float? = nil, leastOverlap: Float? = nil,
    greatestDrift: Float? = nil, greatestUnseen: Float? = nil, model: String? = nil, k: Int? = nil,
    queries: QuerySample? = nil, liveQueries: QuerySample? = nil, isDryRun: Bool = false
  ) {
    self.leastRows = leastRows
    self.leastShare = leastShare
    self.leastRecall = leastRecall
    self.leastOverlap = leastOverlap
    self.greatestDrift = greatestDrift
    self.greatestUnseen = greatestUnseen
    self.model = model
    self.k = k
    self.queries = queries
    self.liveQueries = liveQueries
    self.isDryRun = isDryRun
  }

  public var isEmpty: Bool { self == PublishChecks() }
}

extension PublishChecks {
  /// Every value that can be checked without a store.
  ///
  /// - Throws: `invalid-argument`, or `limit-exceeded` above a range.
  package func check() throws(VecError) {
    for (share, what) in [
      (leastRecall, "the least recall"), (leastOverlap, "the least overlap"), (greatestUnseen, "the greatest unseen share"),
    ] {
      guard let share, !(share >= 0 && share <= 1) else { continue }
      throw VecError(.invalidArgument, "\(what) is \(share), must be 0 to 1")
    }
    for (value, what) in [(leastShare, "the least share of the live rows"), (greatestDrift, "the greatest drift")] {
      guard let value, !(value >= 0 && value.isFinite) else { continue }
      throw VecError(.invalidArgument, "\(what) is \(value), must be 0 or more, and finite")
    }
    if let model { try Names.checkModel(model) }
    if let k { try Limits.check(k, 1...Limits.kMax, "k") }
    try queries?.check("queries")
    try liveQueries?.check("live queries")
    if let liveQueries, liveQueries.count != queries?.count {
      throw VecError(
        .invalidArgument,
        "\(liveQueries.count) live queries with \(queries?.count ?? 0) queries: they are the same users, as each model sees them")
    }
  }
}

extension QuerySample {
  fileprivate func check(_ what: String) throws(VecError) {
    try Limits.check(dimension, 1...Limits.dimensionMax, "the dimension of \(what)")
    guard vectors.count % dimension == 0 else {
      throw VecError(.invalidArgument, "\(what): \(vectors.count) values are not whole vectors of \(dimension)")
    }
    try Limits.check(count, 1...Limits.publishQueriesMax, "the number of \(what)")
  }
}

/// One generation to make live.
public struct PublishRequest: Sendable, Equatable {
  public var collection: String
  public var generation: String
  public var expected: ExpectedLive
  public var checks: PublishChecks

  public init(
    collection: String, generation: String, expected: ExpectedLive = .any, checks: PublishChecks = PublishChecks()
  ) {
    self.collection = collection
    self.generation = generation
    self.expected = expected
    self.checks = checks
  }

  package func check() throws(VecError) {
    try Names.checkCollection(collection)
    try Names.checkLabel(generation)
    if case .label(let label) = expected { try Names.checkLabel(label) }
    try checks.check()
  }

  /// Of several that are to happen together.
  package static func check(_ requests: [PublishRequest]) throws(VecError) {
    try Limits.check(requests.count, 1...Limits.publishesMax, "the number of publishes together")
    for request in requests { try request.check() }
    guard Set(requests.map(\.collection)).count == requests.count else {
      throw VecError(.invalidArgument, "a collection comes twice among the publishes: one generation can be live")
    }
    guard Set(requests.map(\.checks.isDryRun)).count == 1 else {
      throw VecError(.invalidArgument, "some of the publishes are a dry run: all of them, or none")
    }
  }
}

/// Which generation is live after a publish or rollback, and which was before.
public struct PublishReceipt: Sendable, Equatable {
  public var sequence: UInt64
  public var live: String
  public var replaced: String?
  /// What was checked: a JSON object; nil when nothing was.
  public var report: String?

  public init(sequence: UInt64, live: String, replaced: String?, report: String? = nil) {
    self.sequence = sequence
    self.live = live
    self.replaced = replaced
    self.report = report
  }
}
