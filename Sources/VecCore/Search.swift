/// How good an answer has to be, as the caller states it.
public enum SearchEffort: Sendable, Equatable {
  /// The collection's own target.
  case standard
  /// A share of the true top k, in (0, 1].
  case recall(Float)
  /// Length of the candidate list of a graph traversal (efSearch).
  case ef(UInt32)
  /// Inverted lists to scan.
  case nprobe(UInt32)
  /// The true top k.
  case exact
}

/// One search: `queryCount` queries of `interests` vectors each.
public struct SearchRequest: Sendable, Equatable {
  public var collection: String
  /// Label of the generation to ask; nil for the live one.
  public var generation: String?
  /// Results per query, 1 to `Limits.kMax`.
  public var k: Int
  public var effort: SearchEffort
  /// Nil lets vecd choose.
  public var index: IndexType?
  /// Vectors per query, 1 to `Limits.interestsMax`; an item's score is its best over them.
  public var interests: Int
  public var dimension: Int
  /// Query after query, interest after interest: `queryCount * interests * dimension` values.
  public var vectors: [Float]
  /// The answer must be complete at least up to this sequence number; nil for what is there.
  public var leastSequence: UInt64?
  /// Ids that no result may have: one set for all queries, or one for each; empty for none. The results are the best k of
  /// all other items. `Limits.excludedIdsMax` ids in all.
  public var excluded: [IDSet]
  /// Names of sets that the daemon keeps, whose ids no result may have either: one for all queries, or one for each, an
  /// empty one for none; no names for none at all. A name that has no set excludes nothing.
  public var excludeSets: [String]
  /// Results worse than this are left out: lower scores, under l2 greater squared distances.
  public var scoreLimit: Float?
  /// The wire form of a filter (Formats/filter.md) that every result satisfies; empty for none.
  public var filter: [UInt8]
  /// What comes with each result.
  public var fields: ItemFields
  /// How the results are chosen, when not the k best.
  public var selection: SearchSelection
  /// Per interest, above 0, or empty: a score is the best of weight x inner product. Under ip alone.
  public var weights: [Float]
  /// Temperature t, above 0, of scores by all interests together: t log sum exp(s / t); nil for the best one. Not under l2.
  public var logSumExp: Float?
  /// Version of the model that made the vectors; nil says nothing about it.
  public var model: String?
  /// Name of a set of biases that the daemon keeps: a score is what it is without, plus the item's bias. Nil, or a name that has
  /// no set, adds nothing. Not under l2.
  public var bias: String?

  public init(
    collection: String, generation: String? = nil, k: Int, effort: SearchEffort = .standard,
    index: IndexType? = nil, interests: Int = 1, dimension: Int, vectors: [Float], leastSequence: UInt64? = nil,
    excluded: [IDSet] = [], excludeSets: [String] = [], scoreLimit: Float? = nil, filter: [UInt8] = [],
    fields: ItemFields = [], selection: SearchSelection = SearchSelection(), weights: [Float] = [],
    logSumExp: Float? = nil, model: String? = nil, bias: String? = nil
  ) {
    self.collection = collection
    self.generation = generation
    self.k = k
    self.effort = effort
    self.index = index
    self.interests = interests
    self.dimension = dimension
    self.vectors = vectors
    self.leastSequence = leastSequence
    self.excluded = excluded
    self.excludeSets = excludeSets
    self.scoreLimit = scoreLimit
    self.filter = filter
    self.fields = fields
    self.selection = selection
    self.weights = weights
    self.logSumExp = logSumExp
    self.model = model
    self.bias = bias
  }

  /// That there is a weight for each interest, or none at all.
  ///
  /// - Throws: `invalid-argument`.
  package func checkWeights() throws(VecError) {
    guard weights.isEmpty || weights.count == interests, weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw VecError(
        .invalidArgument, "weights \(weights) for \(interests) interests; give a finite number above 0 for each")
    }
  }

  /// - Throws: `invalid-argument` for a temperature that is none.
  package func checkLogSumExp() throws(VecError) {
    guard let logSumExp, !(logSumExp > 0 && logSumExp.isFinite) else { return }
    throw VecError(
      .invalidArgument, "the temperature of log-sum-exp is \(logSumExp), must be a finite number above 0")
  }

  /// Queries in the request; 0 when the shape is empty.
  public var queryCount: Int {
    let width = interests * dimension
    return width > 0 ? vectors.count / width : 0
  }
}

/// The answer to a `SearchRequest`: all queries from one generation.
public struct SearchReply: Sendable, Equatable {
  public var generation: String
  public var generationNumber: UInt64
  /// The answer is complete up to this sequence number of the collection.
  public var sequence: UInt64
  public var index: IndexType
  /// ef of hnsw, nprobe of ivf; 0 for flat.
  public var parameter: UInt32
  /// Expected share of the true top k; 1 for flat.
  public var expectedRecall: Float
  /// Results of each query; their sum is the length of the three arrays below.
  public var resultCounts: [UInt32]
  /// Best first, query after query.
  public var ids: [UInt64]
  /// Inner product, cosine, or squared distance; see `Metric`.
  public var scores: [Float]
  /// Which of the query's vectors scored best, from 0.
  public var interests: [UInt8]
  /// The fields that were asked for, one record per result; empty when none were.
  public var records: [AttributeRecord]

  public init(
    generation: String, generationNumber: UInt64, sequence: UInt64, index: IndexType, parameter: UInt32 = 0,
    expectedRecall: Float, resultCounts: [UInt32], ids: [UInt64], scores: [Float], interests: [UInt8],
    records: [AttributeRecord] = []
  ) {
    self.generation = generation
    self.generationNumber = generationNumber
    self.sequence = sequence
    self.index = index
    self.parameter = parameter
    self.expectedRecall = expectedRecall
    self.resultCounts = resultCounts
    self.ids = ids
    self.scores = scores
    self.interests = interests
    self.records = records
  }
}

/// The answer to a get: vectors of the ids that were found.
public struct GetReply: Sendable, Equatable {
  public var generation: String
  public var dimension: Int
  /// One per id asked for, in that order.
  public var found: [Bool]
  /// `dimension` values per id found, in the order asked.
  public var vectors: [Float]
  /// The fields that were asked for, one record per id found; empty when none were.
  public var records: [AttributeRecord]

  public init(
    generation: String, dimension: Int, found: [Bool], vectors: [Float], records: [AttributeRecord] = []
  ) {
    self.generation = generation
    self.dimension = dimension
    self.found = found
    self.vectors = vectors
    self.records = records
  }
}
