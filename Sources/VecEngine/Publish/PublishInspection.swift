import VecCore
import VecIndex
import VecManifest

/// What a publish would change for those who search, measured before anything is changed.
struct PublishInspection {
  /// Of captured queries and those of a build; a publish may give more.
  private static let queriesMax = 256
  private static let standardK = 100

  let checks: PublishChecks
  let collection: Collection
  let generation: Generation
  /// Nil when nothing is live, or what is live is fenced.
  let live: Generation?
  private let engine: Engine
  private let shouldStop: () -> Bool

  init(_ engine: Engine, _ request: PublishRequest, shouldStop: @escaping () -> Bool) throws(VecError) {
    self.engine = engine
    self.shouldStop = shouldStop
    checks = request.checks
    collection = try engine.collection(request.collection)
    generation = try collection.readable(request.generation)
    live = collection.live.flatMap { $0.fence == nil ? $0 : nil }
    if let queries = checks.queries { try check(queries) }
    if let queries = checks.liveQueries { try check(queries) }
  }

  private func check(_ queries: QuerySample) throws(VecError) {
    guard queries.dimension == collection.row.dimension else {
      throw VecError(
        .dimensionMismatch,
        "queries have dimension \(queries.dimension), collection \(collection.row.name) has \(collection.row.dimension)")
    }
    try QueryCheck.check(queries.vectors, dimension: queries.dimension, interests: 1, metric: collection.row.metric)
  }

  /// What somebody asked to be measured; a dry run measures all.
  private var asksQueries: Bool {
    checks.isDryRun || checks.leastRecall != nil || checks.greatestUnseen != nil || asksLive
  }

  /// What is live, if it has rows to compare with.
  private var compared: Generation? { live.flatMap { $0.rowCount > 0 ? $0 : nil } }

  /// What has nothing to be compared with holds; what cannot be read is another matter.
  private var needsLive: Bool { collection.live != nil && (live == nil || compared != nil) }

  private var asksLive: Bool { checks.leastOverlap != nil || checks.greatestDrift != nil }

  func report() throws(VecError) -> PublishReport {
    var report = PublishReport(collection: collection.row.name, generation: generation.row, live: live?.row)
    report.isDryRun = checks.isDryRun
    report.isLiveFenced = collection.live != nil && live == nil
    report.addRows(limit: checks.leastRows, measured: generation.rowCount)
    report.add(
      .leastShare, limit: checks.leastShare,
      measured: compared.map { Double(generation.rowCount) / Double($0.rowCount) }, needs: needsLive)
    report.addModel(wanted: checks.model, carried: generation.row.model)
    guard asksQueries else { return report }
    try measure(&report)
    return report
  }

  private func measure(_ report: inout PublishReport) throws(VecError) {
    let real: (sample: QuerySample, source: QuerySource)? =
      if let given = checks.queries {
        (given, .given)
      } else {
        try engine.realQueries(for: generation, of: collection, most: Self.queriesMax)
      }
    let k = min(checks.k ?? Self.standardK, Int(clamping: max(generation.rowCount, 1)))
    report.k = k
    var own: Answers?
    var exact: Answers?
    if let real, generation.rowCount > 0 {
      report.queries = (real.sample.count, real.source)
      own = try answers(real.sample, generation, k, .standard)
      exact = try answers(real.sample, generation, k, .exact)
    }
    report.add(
      .leastRecall, limit: checks.leastRecall,
      measured: own.flatMap { own in exact.map { own.share(of: $0) } })
    try compare(own, real?.sample, k, &report)
    report.add(
      .greatestUnseen, limit: checks.greatestUnseen,
      measured: own.map { 1 - Double(Set($0.results.joined().map(\.id)).count) / Double(generation.rowCount) })
  }

  /// With the live generation.
  private func compare(
    _ own: Answers?, _ sample: QuerySample?, _ k: Int, _ report: inout PublishReport
  ) throws(VecError) {
    var other: Answers?
    if let live = compared, let sample, own != nil {
      let isOneModel = live.row.model == generation.row.model || live.row.model == nil || generation.row.model == nil
      if let queries = checks.liveQueries ?? (isOneModel ? sample : nil) {
        other = try answers(queries, live, min(k, Int(clamping: live.rowCount)), .standard)
      } else if asksLive, checks.queries != nil {
        throw VecError(
          .invalidArgument,
          "generation \(generation.row.label) is of model \(Names.quoted(generation.row.model ?? "")), \(live.row.label), which "
            + "is live, of \(Names.quoted(live.row.model ?? "")): give the queries as the live model sees them too")
      }
    }
    report.add(
      .leastOverlap, limit: checks.leastOverlap, measured: own.flatMap { own in other.map { own.share(of: $0) } },
      needs: needsLive)
    report.add(
      .greatestDrift, limit: checks.greatestDrift, measured: own.flatMap { own in other.map { own.drift(from: $0) } },
      needs: needsLive)
  }

  /// Exact ones in portions within the limit of results. Others one by one, as a recall service asks: for many at once the
  /// planner may take another index.
  private func answers(
    _ queries: QuerySample, _ generation: Generation, _ k: Int, _ effort: SearchEffort
  ) throws(VecError) -> Answers {
    var answers = Answers(results: [])
    let portion = effort == .exact ? max(1, Limits.resultsMax / k) : 1
    for first in stride(from: 0, to: queries.count, by: portion) {
      let last = min(first + portion, queries.count)
      let request = SearchRequest(
        collection: collection.row.name, k: k, effort: effort, dimension: queries.dimension,
        vectors: Array(queries.vectors[(first * queries.dimension)..<(last * queries.dimension)]))
      answers.add(try engine.measure(request, from: generation, of: collection, shouldStop: shouldStop))
    }
    return answers
  }
}

/// The results of some queries.
struct Answers {
  var results: [[(id: UInt64, score: Float)]]

  mutating func add(_ reply: SearchReply) {
    var at = 0
    for count in reply.resultCounts {
      let range = at..<(at + Int(count))
      results.append(Array(zip(reply.ids[range], reply.scores[range])))
      at = range.upperBound
    }
  }

  /// Of another's results, query by query: how many are here too, on average over its results.
  func share(of other: Answers) -> Double {
    var (hits, total) = (0, 0)
    for (own, wanted) in zip(results, other.results) {
      hits += Set(own.map(\.id)).intersection(wanted.map(\.id)).count
      total += wanted.count
    }
    return total == 0 ? 1 : Double(hits) / Double(total)
  }

  /// Distance of the mean scores, in standard deviations of the other's.
  func drift(from other: Answers) -> Double {
    let (own, theirs) = (Self.moments(results), Self.moments(other.results))
    let distance = abs(own.mean - theirs.mean)
    return distance == 0 ? 0 : theirs.deviation > 0 ? distance / theirs.deviation : .greatestFiniteMagnitude
  }

  private static func moments(_ results: [[(id: UInt64, score: Float)]]) -> (mean: Double, deviation: Double) {
    let scores = results.joined().map { Double($0.score) }
    guard !scores.isEmpty else { return (0, 0) }
    let mean = scores.reduce(0, +) / Double(scores.count)
    let variance = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)
    return (mean, variance.squareRoot())
  }
}
