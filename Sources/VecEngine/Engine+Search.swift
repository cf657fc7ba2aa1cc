package import VecCore
import VecIndex
import VecManifest
import VecStorage

// Reading: search and get. Both take one snapshot and answer from it alone.
extension Engine {
  /// The best k items for each query. `shouldStop` is asked every so often; true ends with `.deadlineExceeded`.
  package func search(_ request: SearchRequest, shouldStop: () -> Bool) throws(VecError) -> SearchReply {
    let collection = try collection(request.collection)
    try Self.checkShape(request, of: collection)
    let generation = try collection.answering(request.generation, model: request.model)
    let reply = try answer(request, from: generation, of: collection, shouldStop: shouldStop)
    collection.reservoir.offer(request.vectors, dimension: request.dimension, model: request.model ?? generation.row.model)
    return reply
  }

  /// The same of a generation, for whoever measures: neither counted nor captured.
  func measure(
    _ request: SearchRequest, from generation: Generation, of collection: Collection, shouldStop: () -> Bool
  ) throws(VecError) -> SearchReply {
    try Self.checkShape(request, of: collection)
    return try answer(request, from: generation, of: collection, shouldStop: shouldStop)
  }

  private func answer(
    _ request: SearchRequest, from whole: Generation, of collection: Collection, shouldStop: () -> Bool
  ) throws(VecError) -> SearchReply {
    var generation = whole
    try QueryCheck.check(
      request.vectors, dimension: request.dimension, interests: request.interests, metric: collection.row.metric)

    let metric = collection.row.metric
    if !request.filter.isEmpty {
      generation = generation.filtered(by: try ItemFilter(request.filter, collection.row.attributes), filters)
    }
    generation.bias = try bias(of: request, collection.row)
    let merge = try SoftMerge(request, metric)
    let request = try Self.weighted(request, metric)
    let exclusions = try exclusions(of: request, collection.row)
    let (results, plan) =
      request.selection.isEmpty
      ? try find(request, k: request.k, merge, exclusions, in: generation, metric, shouldStop)
      : try choose(
        request, Selector(request, collection.row.attributes), merge, exclusions, in: generation, metric, shouldStop)
    var reply = Self.reply(results, plan, from: whole, sequence: collection.row.sequence)
    if !request.fields.isEmpty { reply.records = try whole.records(of: reply.ids, request.fields) }
    // Last of all: string ids are read from the mapping too.
    try fenceUnreadable(generation, of: request.collection)
    return reply
  }

  /// The best `k` of each query, by all interests together where the request asks for it. Queries that have not enough
  /// candidates for that are asked again, four times as deep.
  private func find(
    _ request: SearchRequest, k: Int, _ merge: SoftMerge?, _ exclusions: QueryExclusions, in generation: Generation,
    _ metric: Metric, _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    guard let merge else { return try find(request, k: k, exclusions, in: generation, metric, shouldStop) }
    var wanted = request
    // It is about the joint score, which is not known yet.
    wanted.scoreLimit = nil
    let width = request.interests * request.dimension
    let (results, plan) = try deepening(from: 2 * k, request.queryCount) { (open, depth) throws(VecError) in
      let (found, plan) = try find(
        wanted.only(open), k: depth, exclusions.only(open), in: generation, metric, shouldStop)
      var chosen: [[Hit]?] = []
      for (query, candidates) in zip(open, found) {
        if shouldStop() {
          throw VecError(.deadlineExceeded, "the search was stopped while it joined scores; nothing was returned")
        }
        chosen.append(
          merge.best(
            k, of: candidates, query: request.vectors[(query * width)..<((query + 1) * width)],
            areAll: candidates.count < depth, from: generation))
      }
      return (chosen, plan)
    }
    guard let limit = request.scoreLimit else { return (results, plan) }
    return (results.map { hits in hits.filter { $0.score >= limit } }, plan)
  }

  /// Asks for the results of queries, and those of which it gets none again, four times as deep.
  private func deepening(
    from firstDepth: Int, _ queryCount: Int,
    _ ask: (_ open: [Int], _ depth: Int) throws(VecError) -> (results: [[Hit]?], plan: SearchPlan)
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    var results = [[Hit]](repeating: [], count: queryCount)
    var open = Array(0..<queryCount)
    var depth = firstDepth
    var first: SearchPlan?
    while !open.isEmpty {
      let (found, plan) = try ask(open, depth)
      first = first ?? plan
      for (query, hits) in zip(open, found) { if let hits { results[query] = hits } }
      open = zip(open, found).filter { $1 == nil }.map(\.0)
      depth *= 4
    }
    return (results, first ?? .exact)
  }

  /// The best `k` of each query that are not excluded, by the cheapest way that the request allows.
  private func find(
    _ request: SearchRequest, k: Int, _ exclusions: QueryExclusions, in generation: Generation, _ metric: Metric,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    var (results, plan) = try findPast(request, k: k, exclusions, in: generation, metric, shouldStop)
    if let limit = request.scoreLimit {
      results = results.map { hits in hits.filter { metric == .l2 ? $0.score <= limit : $0.score >= limit } }
    }
    return (results, plan)
  }

  /// Asks without the exclusions first, where that may do.
  private func findPast(
    _ request: SearchRequest, k: Int, _ exclusions: QueryExclusions, in generation: Generation, _ metric: Metric,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    guard generation.bias == nil, !generation.isFiltered, let past = LookPast(k: k, excluded: exclusions.greatestCount) else {
      return try findRest(request, k: k, exclusions, in: generation, metric, shouldStop)
    }
    let all = 0..<request.queryCount
    // One that is to stop does so in the search.
    let far = all.filter { shouldStop() || !past.isTooNear($0, of: request, exclusions, in: generation, metric, kernels) }
    var results = [[Hit]?](repeating: nil, count: all.count)
    var plan: SearchPlan?
    if !far.isEmpty {
      let asked = far.count == all.count ? request : request.only(far)
      let deeper = try self.plan(asked, k: k, excludedCount: past.depth - k, in: generation)
      let found = try asked.vectors.withUnsafeBufferPointer { (queries) throws(VecError) in
        try search(asked, queries, k: past.depth, .none, deeper, generation, nil, metric, shouldStop)
      }
      for (query, hits) in zip(far, past.best(of: found, exclusions.only(far))) { results[query] = hits }
      plan = deeper
    }
    let open = all.filter { results[$0] == nil }
    if !open.isEmpty {
      let (rest, restPlan) = try findRest(
        request.only(open), k: k, exclusions.only(open), in: generation, metric, shouldStop)
      for (query, hits) in zip(open, rest) { results[query] = hits }
      if plan == nil || open.count == all.count { plan = restPlan }
    }
    return (results.map { $0 ?? [] }, plan ?? .exact)
  }

  /// The best `k` of the rows that are not excluded: these are found and taken out before the search.
  private func findRest(
    _ request: SearchRequest, k: Int, _ exclusions: QueryExclusions, in generation: Generation, _ metric: Metric,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    // Rows with a bias are all compared; indexes look for the best of the others.
    let biased = try BiasedGeneration(generation)
    var plan = try plan(
      request, k: k,
      excludedCount: biased == nil
        ? excludedBefore(k, of: request, exclusions, in: generation, metric) : exclusions.greatestCount,
      in: biased?.rest ?? generation)
    // Nothing is left to an index: the answer is as exact as it is.
    if let biased, biased.rest.rowCount == 0 { plan = .exact }
    let results = try request.vectors.withUnsafeBufferPointer { (queries) throws(VecError) in
      try search(request, queries, k: k, exclusions, plan, generation, biased, metric, shouldStop)
    }
    return (results, plan)
  }

  private func plan(
    _ request: SearchRequest, k: Int, excludedCount: Int, in generation: Generation
  ) throws(VecError) -> SearchPlan {
    try generation.planner(dimension: request.dimension, costs: costs, excludedCount: excludedCount).plan(
      request.effort, index: request.index, k: k, queryCount: request.queryCount * request.interests,
      interests: request.interests)
  }

  /// The results of a selection.
  private func choose(
    _ request: SearchRequest, _ selector: Selector, _ merge: SoftMerge?, _ exclusions: QueryExclusions,
    in generation: Generation, _ metric: Metric, _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[Hit]], SearchPlan) {
    try deepening(from: selector.firstDepth, request.queryCount) { (open, depth) throws(VecError) in
      let (found, plan) = try find(
        request.only(open), k: depth, merge, exclusions.only(open), in: generation, metric, shouldStop)
      var chosen: [[Hit]?] = []
      for candidates in found {
        chosen.append(
          try selector.choose(candidates, areAll: candidates.count < depth, from: generation, shouldStop))
      }
      return (chosen, plan)
    }
  }

  /// All queries together, unless each excludes other ids.
  private func search(
    _ request: SearchRequest, _ queries: UnsafeBufferPointer<Float>, k: Int, _ exclusions: QueryExclusions,
    _ plan: SearchPlan, _ generation: Generation, _ biased: BiasedGeneration?, _ metric: Metric, _ shouldStop: () -> Bool
  ) throws(VecError) -> [[Hit]] {
    let width = request.interests * request.dimension
    let setCount = exclusions.count
    let groups = setCount > 1 ? (0..<setCount).map { ($0 * width..<($0 + 1) * width, $0) } : [(0..<queries.count, 0)]
    var results: [[Hit]] = []
    for (range, set) in groups {
      let exclusion = set < setCount ? exclusions.ids(set).map { Exclusion($0) } : nil
      let asked = UnsafeBufferPointer(rebasing: queries[range])
      let found = try (biased?.rest ?? generation).withSearched(without: exclusion, masks) { (segments) throws(VecError) in
        try indexSearch.search(
          plan, segments, metric: metric, queries: asked, dimension: request.dimension, interests: request.interests, k: k,
          shouldStop: shouldStop
        ).results
      }
      guard let biased else {
        results += found
        continue
      }
      let others = try biased.withBiased(without: exclusion) { (parts) throws(VecError) in
        try BiasedScan(kernels: kernels, metric: metric).search(
          parts, queries: asked, dimension: request.dimension, interests: request.interests, k: k,
          greatest: biased.set.greatest, shouldStop: shouldStop)
      }
      results += HitMerge.merge([found, others], k: k, metric: metric)
    }
    return results
  }

  private func bias(of request: SearchRequest, _ collection: CollectionRow) throws(VecError) -> BiasSet? {
    guard let name = request.bias else { return nil }
    try Names.checkBiasSet(name)
    guard collection.metric != .l2 else {
      throw VecError(
        .invalidArgument, "biases are added to scores that are better when greater; \(collection.name) has metric l2")
    }
    return try biases.entry(name, of: collection)?.content
  }

  /// The same with weights carried over into the vectors.
  private static func weighted(_ request: SearchRequest, _ metric: Metric) throws(VecError) -> SearchRequest {
    guard !request.weights.isEmpty else { return request }
    guard metric == .ip else {
      throw VecError(.invalidArgument, "weights of interests need metric ip, the collection has \(metric.name)")
    }
    var weighted = request
    for place in request.vectors.indices {
      weighted.vectors[place] *= request.weights[place / request.dimension % request.interests]
    }
    try QueryCheck.check(
      weighted.vectors, dimension: request.dimension, interests: request.interests, metric: metric)
    return weighted
  }

  private func exclusions(of request: SearchRequest, _ collection: CollectionRow) throws(VecError) -> QueryExclusions {
    let now = request.excludeSets.isEmpty ? 0 : options.now()
    return try QueryExclusions(request) { (name) throws(VecError) in
      try exclusionSet(name, of: collection)?.ids(at: now)
    }
  }

  /// The vectors of ids, as they were put in.
  /// - Parameter fields: what comes with each.
  package func get(
    _ name: String, generation label: String?, ids: [UInt64], fields: ItemFields = []
  ) throws(VecError) -> GetReply {
    try Limits.check(ids.count, 1...Limits.getIdsMax, "the number of ids in one get")
    let collection = try collection(name)
    let generation = try collection.readable(label)
    let dimension = collection.row.dimension
    guard ids.count * dimension * 4 + (1 << 20) <= Limits.frameBodyBytesMax else {
      throw VecError(
        .limitExceeded,
        "\(ids.count) vectors of dimension \(dimension) do not fit one frame: ask for at most "
          + "\((Limits.frameBodyBytesMax - (1 << 20)) / (dimension * 4))")
    }
    var reply = GetReply(generation: generation.row.label, dimension: dimension, found: [], vectors: [])
    for vector in generation.vectors(of: ids) {
      reply.found.append(vector != nil)
      if let vector { reply.vectors += vector }
    }
    if !fields.isEmpty {
      let found = zip(ids, reply.found).filter(\.1).map(\.0)
      reply.records = try generation.records(of: found, fields)
    }
    try fenceUnreadable(generation, of: name)
    return reply
  }

  /// An answer read from pages that the disk did not deliver is no answer, and there will be no further ones.
  private func fenceUnreadable(_ generation: Generation, of name: String) throws(VecError) {
    guard let bad = generation.segments.first(where: { $0.file.isUnreadable }) else { return }
    fence(generation.row.number, of: name, because: bad.unreadable.message)
    throw bad.unreadable
  }

  /// The generation answers nothing until the next start finds it sound; the others of its collection do.
  func fence(_ number: UInt64, of name: String, because reason: String) {
    update(name) { collection in
      guard let place = collection.generations.firstIndex(where: { $0.row.number == number }) else { return }
      collection.generations[place].fence = collection.generations[place].fence ?? reason
    }
  }

  private static func checkShape(_ request: SearchRequest, of collection: Collection) throws(VecError) {
    try Limits.check(request.k, 1...Limits.kMax, "k")
    try Limits.check(request.interests, 1...Limits.interestsMax, "the number of interests per query")
    guard request.dimension == collection.row.dimension else {
      throw VecError(
        .dimensionMismatch,
        "queries have dimension \(request.dimension), collection \(collection.row.name) has \(collection.row.dimension)")
    }
    try request.checkWeights()
    let count = request.queryCount
    guard request.excluded.count <= 1 || request.excluded.count == count else {
      throw VecError(
        .invalidArgument,
        "\(request.excluded.count) sets of excluded ids for \(count) queries; give one for all, or one for each")
    }
    guard request.excludeSets.count <= 1 || request.excludeSets.count == count else {
      throw VecError(
        .invalidArgument,
        "\(request.excludeSets.count) names of exclude sets for \(count) queries; give one for all, or one for each")
    }
    guard count > 0, request.vectors.count == count * request.interests * request.dimension else {
      throw VecError(
        .invalidArgument, "\(request.vectors.count) values are not whole queries of \(request.interests) x \(request.dimension)")
    }
    guard count <= Limits.queriesMax, count * request.k <= Limits.resultsMax else {
      throw VecError(
        .limitExceeded,
        "\(count) queries with k = \(request.k): at most \(Limits.queriesMax) queries and \(Limits.resultsMax) results "
          + "per request, split it")
    }
  }

  private static func reply(
    _ results: [[Hit]], _ plan: SearchPlan, from generation: Generation, sequence: UInt64
  ) -> SearchReply {
    var reply = SearchReply(
      generation: generation.row.label, generationNumber: generation.row.number, sequence: sequence, index: plan.index,
      parameter: plan.parameter, expectedRecall: plan.expectedRecall, resultCounts: results.map { UInt32($0.count) },
      ids: [], scores: [], interests: [])
    let total = results.reduce(0) { $0 + $1.count }
    reply.ids.reserveCapacity(total)
    reply.scores.reserveCapacity(total)
    reply.interests.reserveCapacity(total)
    for hit in results.joined() {
      reply.ids.append(hit.id)
      reply.scores.append(hit.score)
      reply.interests.append(hit.interest)
    }
    return reply
  }
}

extension SearchEffort {
  /// Whether the planner chooses by recall.
  var isRecall: Bool {
    switch self {
    case .standard, .recall: true
    case .ef, .nprobe, .exact: false
    }
  }
}

extension SearchRequest {
  /// The same of some of its queries; what they exclude is `QueryExclusions`' to tell.
  func only(_ queries: [Int]) -> SearchRequest {
    guard queries.count < queryCount else { return self }
    let width = interests * dimension
    var request = self
    request.vectors = queries.flatMap { vectors[($0 * width)..<(($0 + 1) * width)] }
    return request
  }
}
