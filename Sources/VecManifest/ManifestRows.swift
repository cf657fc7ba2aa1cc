package import VecCore

/// One collection, as the manifest keeps it.
package struct CollectionRow: Sendable, Equatable {
  package var number: UInt64
  package var name: String
  package var dimension: Int
  package var metric: Metric
  /// Milliseconds since 1970.
  package var createdAt: Int64
  package var sequence: UInt64
  package var liveGeneration: UInt64?
  /// In the order of their positions.
  package var attributes: [AttributeDefinition]
  package var settings: CollectionSettings
  /// What its items are known by.
  package var ids: IDKind

  package init(
    number: UInt64, name: String, dimension: Int, metric: Metric, createdAt: Int64, sequence: UInt64 = 0,
    liveGeneration: UInt64? = nil, attributes: [AttributeDefinition] = [],
    settings: CollectionSettings = CollectionSettings(), ids: IDKind = .number
  ) {
    self.number = number
    self.name = name
    self.dimension = dimension
    self.metric = metric
    self.createdAt = createdAt
    self.sequence = sequence
    self.liveGeneration = liveGeneration
    self.attributes = attributes
    self.settings = settings
    self.ids = ids
  }
}

/// One generation, as the manifest keeps it. Times are milliseconds since 1970.
package struct GenerationRow: Sendable, Equatable {
  package var number: UInt64
  package var collection: UInt64
  package var label: String
  package var state: GenerationState
  /// Nil while building.
  package var index: IndexType?
  package var createdAt: Int64
  package var builtAt: Int64?
  package var publishedAt: Int64?
  /// What was live when this was published: where rollback goes.
  package var replaced: UInt64?
  /// The version of the model that made its vectors; never changed.
  package var model: String?

  package init(
    number: UInt64, collection: UInt64, label: String, state: GenerationState = .building, index: IndexType? = nil,
    createdAt: Int64, builtAt: Int64? = nil, publishedAt: Int64? = nil, replaced: UInt64? = nil, model: String? = nil
  ) {
    self.number = number
    self.collection = collection
    self.label = label
    self.state = state
    self.index = index
    self.createdAt = createdAt
    self.builtAt = builtAt
    self.publishedAt = publishedAt
    self.replaced = replaced
    self.model = model
  }
}

/// One segment file, as the manifest repeats it.
package struct SegmentRow: Sendable, Equatable {
  package var uuid: UUID
  package var generation: UInt64
  /// Order within the generation, ascending, with gaps.
  package var ordinal: Int
  package var rowCount: UInt64
  package var byteCount: UInt64
  package var rootChecksum: UInt32
  package var elementType: ElementType

  package init(
    uuid: UUID, generation: UInt64, ordinal: Int, rowCount: UInt64, byteCount: UInt64, rootChecksum: UInt32,
    elementType: ElementType
  ) {
    self.uuid = uuid
    self.generation = generation
    self.ordinal = ordinal
    self.rowCount = rowCount
    self.byteCount = byteCount
    self.rootChecksum = rootChecksum
    self.elementType = elementType
  }
}

/// A collection with everything that belongs to it.
package struct CollectionRecord: Sendable, Equatable {
  package var row: CollectionRow
  /// In order of their numbers.
  package var generations: [GenerationRow]
  /// In order of generation and ordinal.
  package var segments: [SegmentRow]
  /// In order of their numbers.
  package var deltas: [DeltaRow]
  /// In order of segment and part.
  package var deadRows: [DeadRowsRow]

  package init(
    row: CollectionRow, generations: [GenerationRow] = [], segments: [SegmentRow] = [], deltas: [DeltaRow] = [],
    deadRows: [DeadRowsRow] = []
  ) {
    self.row = row
    self.generations = generations
    self.segments = segments
    self.deltas = deltas
    self.deadRows = deadRows
  }

  /// CRC32C over all values in a fixed order: SQLite alone does not notice a flipped bit in a cell.
  package var checksum: UInt32 {
    var writer = ByteWriter()
    writer.write(row.number)
    writer.write(string: row.name)
    writer.write(UInt32(row.dimension))
    writer.write(row.metric.rawValue)
    writer.write(row.createdAt)
    writer.write(row.sequence)
    Self.write(row.liveGeneration, to: &writer)
    for generation in generations {
      writer.write(generation.number)
      writer.write(string: generation.label)
      writer.write(generation.state.rawValue)
      writer.write(generation.index?.rawValue ?? 0)
      writer.write(generation.createdAt)
      Self.write(generation.builtAt, to: &writer)
      Self.write(generation.publishedAt, to: &writer)
      Self.write(generation.replaced, to: &writer)
    }
    for segment in segments {
      writer.write(bytes: segment.uuid.bytes)
      writer.write(segment.generation)
      writer.write(Int64(segment.ordinal))
      writer.write(segment.rowCount)
      writer.write(segment.byteCount)
      writer.write(segment.rootChecksum)
      writer.write(segment.elementType.rawValue)
    }
    for delta in deltas {
      writer.write(1 as UInt8)
      writer.write(delta.number)
      writer.write(delta.generation)
    }
    for part in deadRows {
      writer.write(2 as UInt8)
      writer.write(bytes: part.segment.bytes)
      writer.write(part.part)
      writer.write(part.rowCount)
      writer.write(part.checksum)
    }
    for (position, attribute) in row.attributes.enumerated() {
      writer.write(3 as UInt8)
      writer.write(UInt8(clamping: position))
      writer.write(attribute.type.rawValue)
      writer.write(string: attribute.name)
    }
    for generation in generations {
      guard let model = generation.model else { continue }
      writer.write(4 as UInt8)
      writer.write(generation.number)
      writer.write(string: model)
    }
    for (setting, value) in row.settings.rows {
      writer.write(5 as UInt8)
      writer.write(setting)
      writer.write(value)
    }
    if row.ids == .string { writer.write(6 as UInt8) }
    return writer.bytes.withUnsafeBytes { CRC32C.of($0) }
  }

  /// Nil and every value give different bytes.
  private static func write<T: FixedWidthInteger>(_ value: T?, to writer: inout ByteWriter) {
    writer.write(value != nil)
    writer.write(value ?? 0)
  }
}

/// The whole manifest, read and checked.
package struct Catalogue: Sendable {
  /// Sound collections, in order of their numbers.
  package var collections: [CollectionRecord]
  /// Collections whose rows fail their checksum, with what is wrong; by name as far as it can be read.
  package var damaged: [(name: String, reason: String)]
  /// The next number for a collection or generation.
  package var nextNumber: UInt64
}
