/// What `list` tells of a collection.
public struct CollectionInfo: Sendable, Equatable {
  public var name: String
  public var dimension: Int
  public var metric: Metric
  public var sequence: UInt64
  /// Nil before the first publish.
  public var liveGeneration: String?
  public var liveRowCount: UInt64
  public var generationCount: Int
  /// Why the collection answers nothing; nil when it is healthy.
  public var fence: String?

  public init(
    name: String, dimension: Int, metric: Metric, sequence: UInt64, liveGeneration: String?, liveRowCount: UInt64,
    generationCount: Int, fence: String?
  ) {
    self.name = name
    self.dimension = dimension
    self.metric = metric
    self.sequence = sequence
    self.liveGeneration = liveGeneration
    self.liveRowCount = liveRowCount
    self.generationCount = generationCount
    self.fence = fence
  }
}

/// What `describe` tells of a collection.
public struct CollectionDescription: Sendable, Equatable {
  public var dimension: Int
  public var metric: Metric
  /// What its items may have, in the order of their positions.
  public var attributes: [AttributeDefinition]
  public var settings: CollectionSettings
  /// What its items are known by.
  public var ids: IDKind

  public init(
    dimension: Int, metric: Metric, attributes: [AttributeDefinition], settings: CollectionSettings = CollectionSettings(),
    ids: IDKind = .number
  ) {
    self.dimension = dimension
    self.metric = metric
    self.attributes = attributes
    self.settings = settings
    self.ids = ids
  }
}

/// What `generations` tells of a generation. Times are milliseconds since 1970.
public struct GenerationInfo: Sendable, Equatable {
  public var label: String
  public var number: UInt64
  public var state: GenerationState
  /// Nil while building.
  public var index: IndexType?
  public var rowCount: UInt64
  public var byteCount: UInt64
  public var segmentCount: Int
  public var createdAt: Int64
  public var builtAt: Int64?
  public var publishedAt: Int64?
  /// 0 to 1 while an index is being built, else nil.
  public var buildProgress: Float?
  /// Why the last build of this daemon's life failed.
  public var buildError: String?
  /// The version of the model that made its vectors; nil when nobody said.
  public var model: String?

  public init(
    label: String, number: UInt64, state: GenerationState, index: IndexType?, rowCount: UInt64, byteCount: UInt64,
    segmentCount: Int, createdAt: Int64, builtAt: Int64?, publishedAt: Int64?, buildProgress: Float?,
    buildError: String?, model: String? = nil
  ) {
    self.label = label
    self.number = number
    self.state = state
    self.index = index
    self.rowCount = rowCount
    self.byteCount = byteCount
    self.segmentCount = segmentCount
    self.createdAt = createdAt
    self.builtAt = builtAt
    self.publishedAt = publishedAt
    self.buildProgress = buildProgress
    self.buildError = buildError
    self.model = model
  }
}

/// What an ingest became when it was committed.
public struct IngestReceipt: Sendable, Equatable {
  public var rowCount: UInt64
  public var byteCount: UInt64
  /// How the vectors are stored: f16 or bf16 when every value is representable, else f32.
  public var elementType: ElementType
  public var sequence: UInt64

  public init(rowCount: UInt64, byteCount: UInt64, elementType: ElementType, sequence: UInt64) {
    self.rowCount = rowCount
    self.byteCount = byteCount
    self.elementType = elementType
    self.sequence = sequence
  }
}

/// Real queries: that an index is calibrated with, or that a publish is checked with.
public struct QuerySample: Sendable, Equatable {
  public var dimension: Int
  /// Query after query.
  public var vectors: [Float]

  public init(dimension: Int, vectors: [Float]) {
    self.dimension = dimension
    self.vectors = vectors
  }

  /// Whole queries; 0 when the shape is empty.
  public var count: Int { dimension > 0 ? vectors.count / dimension : 0 }
}

/// Which generation's index is built, or has begun to be, and what the build reports of it.
public struct BuildReceipt: Sendable, Equatable {
  public var generation: String
  /// A JSON object; nil as long as the build goes on.
  public var report: String?

  public init(generation: String, report: String? = nil) {
    self.generation = generation
    self.report = report
  }
}

/// What `verify` read and what it found wrong.
public struct VerifyReport: Sendable, Equatable {
  public struct Finding: Sendable, Equatable {
    public var collection: String
    public var file: String
    public var message: String

    public init(collection: String, file: String, message: String) {
      self.collection = collection
      self.file = file
      self.message = message
    }
  }

  public var fileCount: UInt64
  public var byteCount: UInt64
  public var findings: [Finding]

  public init(fileCount: UInt64 = 0, byteCount: UInt64 = 0, findings: [Finding] = []) {
    self.fileCount = fileCount
    self.byteCount = byteCount
    self.findings = findings
  }
}
