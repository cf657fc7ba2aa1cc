import VecClient
import VecCore
import VecFiles

/// What all requests of one search have in common.
struct SearchTemplate: Sendable {
  var collection: String
  var generation: String?
  var k: Int
  var effort: SearchEffort
  var index: IndexType?
  var leastSequence: UInt64?
  var excluded: IDSet = []
  var excludeSet: String?
  var scoreLimit: Float?
  /// The wire form.
  var filter: [UInt8] = []
  var fields: ItemFields = []
  var selection = SearchSelection()
  var weights: [Float] = []
  var logSumExp: Float?
  /// Version of the model that made the queries.
  var model: String?
  /// Set of biases.
  var bias: String?

  func request(vectors: [Float], interests: Int, dimension: Int) -> SearchRequest {
    SearchRequest(
      collection: collection, generation: generation, k: k, effort: effort, index: index, interests: interests,
      dimension: dimension, vectors: vectors, leastSequence: leastSequence,
      excluded: excluded.isEmpty ? [] : [excluded], excludeSets: excludeSet.map { [$0] } ?? [], scoreLimit: scoreLimit,
      filter: filter, fields: fields, selection: selection, weights: weights, logSumExp: logSumExp, model: model,
      bias: bias)
  }

  /// The daemon counts the queries of a request; a person those of the file.
  func placed(_ error: VecError, firstQuery: Int) -> VecError {
    guard firstQuery > 0, [.valueNotFinite, .normOutOfRange].contains(error.code) else { return error }
    return VecError(error.code, "\(error.message) (counted from query \(firstQuery) of the file)")
  }

  /// Queries of one request within the limits of queries, results and frame.
  func queriesPerRequest(interests: Int, dimension: Int) -> Int {
    let frame = (Limits.frameBodyBytesMax - 4096) / (4 * interests * dimension)
    return max(1, min(Limits.queriesMax, Limits.resultsMax / k, frame))
  }
}

/// Where queries come from.
enum SearchInput {
  case vector([Float])
  case file(QuerySource)

  var queryCount: Int {
    switch self {
    case .vector: 1
    case .file(let source): source.queryCount
    }
  }
}

/// Asks as many requests as the queries need, all of them of one generation.
struct SearchRun {
  let client: VecClient
  var template: SearchTemplate
  /// What one request may take.
  let deadline: Duration
  private var generationNumber: UInt64?

  /// Queries of one request: enough to keep the daemon busy, few enough to see progress.
  private static let portion = 1024

  init(client: VecClient, template: SearchTemplate, deadline: Duration) {
    self.client = client
    self.template = template
    self.deadline = deadline
  }

  /// The replies in the order of the queries; with `files`, without their results, which went there.
  mutating func execute(_ input: SearchInput, files: ResultFiles?) async throws -> [SearchReply] {
    switch input {
    case .vector(let values):
      return [try await ask(vectors: values, interests: 1, dimension: values.count, files: files)]
    case .file(let source):
      var replies: [SearchReply] = []
      let bar = ProgressBar(title: "search", unit: "queries")
      defer { bar.clear() }
      let limit = template.queriesPerRequest(interests: source.interests, dimension: source.dimension)
      while let block = try source.next(limit: min(limit, Self.portion)) {
        do {
          replies.append(
            try await ask(
              vectors: block.vectors, interests: source.interests, dimension: source.dimension, files: files))
        } catch let error as VecError {
          throw template.placed(error, firstQuery: block.firstQuery)
        }
        bar.show(done: block.firstQuery + block.queryCount, total: source.queryCount)
      }
      guard !replies.isEmpty else {
        throw VecError(.malformedFile, "the query file holds no queries; at least one is needed")
      }
      return replies
    }
  }

  private mutating func ask(
    vectors: [Float], interests: Int, dimension: Int, files: ResultFiles?
  ) async throws -> SearchReply {
    let request = template.request(vectors: vectors, interests: interests, dimension: dimension)
    var reply = try await client.search(request, deadline: deadline)
    // A publish between two requests must not mix generations in one answer.
    template.generation = reply.generation
    if let generationNumber, generationNumber != reply.generationNumber {
      throw VecError(
        .liveGenerationChanged, "generation \(reply.generation) was replaced during the search; search again")
    }
    generationNumber = reply.generationNumber
    if let files {
      try files.append(reply)
      reply.ids = []
      reply.scores = []
      reply.interests = []
    }
    return reply
  }
}
