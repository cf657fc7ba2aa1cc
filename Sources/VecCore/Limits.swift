/// Every numeric limit of the product, by name. `Formats/` states the ones that files and frames depend on.
public enum Limits {
  /// Dimensions of a vector.
  public static let dimensionMax = 4096
  /// Results per query.
  public static let kMax = 16_384
  /// Query vectors (interests) per query.
  public static let interestsMax = 8
  /// Queries per search request.
  public static let queriesMax = 4_096
  /// Queries of a sample for calibration.
  public static let sampleQueriesMax = 65_536
  /// Queries of a sample that are kept for later builds.
  public static let sampleQueriesKept = 4_096
  /// Results of one request: queries x k.
  public static let resultsMax = 2_097_152
  /// Rows per ingest frame.
  public static let ingestRowsMax = 1_048_576
  /// Ids per get request.
  public static let getIdsMax = 65_536
  /// Rows per upsert.
  public static let upsertRowsMax = 16_384
  /// Bytes of the ids and vectors of an upsert.
  public static let upsertBytesMax = 8 << 20
  /// Bytes of the records of an upsert.
  public static let upsertRecordBytesMax = 8 << 20
  /// Ids per delete.
  public static let deleteIdsMax = 65_536
  /// Ids that a search request excludes, of all its queries together.
  public static let excludedIdsMax = 262_144
  /// Ids per exclude request.
  public static let excludeIdsMax = 65_536
  /// Ids of an exclude set; those appended first leave.
  public static let excludeSetIdsMax = 65_536
  /// Ids per bias request.
  public static let biasIdsMax = 65_536
  /// Ids of a bias set.
  public static let biasSetIdsMax = 1_000_000
  /// Bias sets of a collection.
  public static let biasSetsMax = 64
  /// A bias is between minus this and this.
  public static let biasMax: Float = 1e9
  /// Exclude sets of a collection.
  public static let excludeSetsMax = 1_048_576
  /// Parts of an exclude set or a bias set in the manifest before they are replaced by one.
  public static let excludeSetPartsMax = 32
  /// Bytes of a model version.
  public static let modelBytesMax = 128
  /// Real queries that are kept of a collection.
  public static let capturedQueriesMax = 65_536
  /// Bytes of their vectors.
  public static let capturedBytesMax = 16 << 20
  /// Queries that a checked publish is given.
  public static let publishQueriesMax = 4_096
  /// Collections of which a generation is published at once.
  public static let publishesMax = 16
  /// Tokens of past writes that a generation remembers.
  public static let tokensMax = 16_384
  /// Bytes of a collection name or a generation label.
  public static let nameBytesMax = 64
  /// Bytes of a frame's body.
  public static let frameBodyBytesMax = 64 << 20
  /// Bytes that a ping may carry.
  public static let pingBytesMax = 65_536
  /// Requests of one connection that may be unanswered.
  public static let inFlightMax = 256
  /// Rows of one segment: a row number is a `UInt32`.
  public static let segmentRowsMax = Int(UInt32.max)
  /// Bytes of one segment file.
  public static let segmentBytesMax = 1 << 48
  /// Raw bytes of a section block.
  public static let blockBytes = 262_144
  /// The same of payloads, which are read one by one.
  public static let payloadBlockBytes = 16_384
  /// Sections of one segment.
  public static let sectionsMax = 16
  /// Euclidean norm of a vector: squared distances of two such vectors stay finite in float32.
  public static let normMax = 1e18
  /// Least norm under cosine: shorter vectors have no direction that float32 could tell.
  public static let cosineNormMin = 1e-30
  /// Attributes of a collection.
  public static let attributesMax = 64
  /// Bytes of an attribute's name.
  public static let attributeNameBytesMax = 64
  /// Bytes of a keyword.
  public static let keywordBytesMax = 256
  /// Bytes of a string id.
  public static let stringIDBytesMax = 256
  /// Keywords that one item has for one attribute.
  public static let keywordsMax = 64
  /// Bytes of an item's payload.
  public static let payloadBytesMax = 65_536
  /// Bytes of a filter's wire form.
  public static let filterBytesMax = 65_536
  /// Bytes of a filter's text: enough to print any filter that can be sent.
  public static let filterTextBytesMax = 524_288
  /// Levels of a filter: of parentheses and `not` in its text, of nodes in its tree.
  public static let filterDepthMax = 32
  /// Conditions, `and`, `or` and `not` of a filter together.
  public static let filterNodesMax = 1_024
  /// Values in one list of a filter.
  public static let filterValuesMax = 4_096
  /// Bytes of a Unix socket path (`sun_path` less its terminator).
  public static let socketPathBytesMax = 107

  /// The rule of `Formats/protocol.md` for every value with a range, wherever it comes in: below (or no number) it is
  /// `invalid-argument`, above `limit-exceeded`.
  package static func check<T: Comparable>(_ value: T, _ range: ClosedRange<T>, _ what: String) throws(VecError) {
    guard !range.contains(value) else { return }
    throw VecError(
      value > range.upperBound ? .limitExceeded : .invalidArgument,
      "\(what) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
  }
}
