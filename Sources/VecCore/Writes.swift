/// Names one write, so that sending it again cannot carry it out twice: 16 bytes that nobody else uses, best random.
public struct WriteToken: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// From the system's generator, or a seeded one.
  public static func random(using generator: inout some RandomNumberGenerator) -> WriteToken {
    WriteToken(high: generator.next(), low: generator.next() | 1)
  }
}

/// New vectors for some ids, in place of what they had.
public struct UpsertRequest: Sendable, Equatable {
  public var collection: String
  /// Label of the generation; nil for the live one.
  public var generation: String?
  /// Nil gives up protection against being carried out twice.
  public var token: WriteToken?
  public var dimension: Int
  /// Of equal ids the last counts.
  public var ids: [UInt64]
  /// Row after row: `ids.count * dimension` values.
  public var vectors: [Float]
  /// One per row, or empty: then no row has attributes or a payload.
  public var records: [AttributeRecord]
  /// Version of the model that made the vectors, which the generation must carry; nil says nothing about it.
  public var model: String?

  public init(
    collection: String, generation: String? = nil, token: WriteToken? = nil, dimension: Int, ids: [UInt64],
    vectors: [Float], records: [AttributeRecord] = [], model: String? = nil
  ) {
    self.collection = collection
    self.generation = generation
    self.token = token
    self.dimension = dimension
    self.ids = ids
    self.vectors = vectors
    self.records = records
    self.model = model
  }
}

/// Ids that a generation shall no longer hold.
public struct DeleteRequest: Sendable, Equatable {
  public var collection: String
  /// Label of the generation; nil for the live one.
  public var generation: String?
  public var token: WriteToken?
  public var ids: [UInt64]

  public init(collection: String, generation: String? = nil, token: WriteToken? = nil, ids: [UInt64]) {
    self.collection = collection
    self.generation = generation
    self.token = token
    self.ids = ids
  }
}

/// What became of a write: it is durable, and every search whose reply names its sequence or a greater one has seen it.
public struct WriteReceipt: Sendable, Equatable {
  public var generation: String
  public var sequence: UInt64
  /// How many of its ids were there before: replaced by an upsert, removed by a delete. 0 when repeated.
  public var existing: UInt64
  /// The token was known: nothing was done now.
  public var isRepeated: Bool

  public init(generation: String, sequence: UInt64, existing: UInt64, isRepeated: Bool = false) {
    self.generation = generation
    self.sequence = sequence
    self.existing = existing
    self.isRepeated = isRepeated
  }
}
