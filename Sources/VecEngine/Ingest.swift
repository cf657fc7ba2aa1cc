import Synchronization
package import VecCore
import VecKernels
import VecManifest
import VecStorage

/// One bulk ingest into one generation: all of its rows become one segment at commit, or none of them is ever seen.
///
/// Rows are checked as they come and spooled to a file without a name, so nothing is left of an ingest that ends early,
/// however it ends. Memory is bounded by 8 bytes per row for the ids (12 more while committing), 10 with string ids.
/// For one thread at a time; a lock holds stray calls to that.
package final class Ingest: Sendable {
  package let label: String
  package let dimension: Int
  package let metric: Metric

  private let engine: Engine
  private let collection: CollectionRow
  private let generation: GenerationRow
  private let rows: Mutex<IngestRows?>

  init(_ engine: Engine, collection: CollectionRow, generation: GenerationRow) throws(VecError) {
    self.engine = engine
    self.collection = collection
    self.generation = generation
    label = generation.label
    dimension = collection.dimension
    metric = collection.metric
    rows = Mutex(
      try IngestRows(
        spool: RowSpool(directory: engine.directory), dimension: collection.dimension, metric: collection.metric,
        kernels: engine.kernels, items: engine.itemCollector(collection)))
  }

  deinit { abort() }

  /// Takes `count` rows: little-endian u64 ids, count x dimension elements, and a record for each or none at all. Returns
  /// the rows taken so far.
  ///
  /// Any error ends the ingest and rolls it back.
  package func append(
    elementType: ElementType, count: Int, ids: UnsafeRawBufferPointer, elements: UnsafeRawBufferPointer,
    records: [AttributeRecord] = []
  ) throws(VecError) -> UInt64 {
    do {
      return try rows.withLock { (rows) throws(VecError) in
        guard let rows else { throw Self.ended }
        try rows.append(elementType: elementType, count: count, ids: ids, elements: elements, records: records)
        return UInt64(rows.ids.count)
      }
    } catch {
      abort()
      throw error
    }
  }

  /// Writes the segment, publishes it and makes it part of the generation. When this returns the rows are durable.
  package func commit() throws(VecError) -> IngestReceipt {
    let taken = rows.withLock { rows in
      defer { rows = nil }
      return rows
    }
    guard let finished = taken else { throw Self.ended }
    defer { engine.release(label, of: collection.name) }
    guard !finished.ids.isEmpty else {
      let sequence = try engine.collection(collection.name).row.sequence
      return IngestReceipt(rowCount: 0, byteCount: 0, elementType: .f32, sequence: sequence)
    }
    return try engine.addSegment(to: generation, of: collection) { (uuid) throws(VecError) in
      try finished.write(
        to: engine.directory, uuid: uuid, collection: collection.number, generation: generation.number)
    }
  }

  /// Forgets everything. Harmless when the ingest has ended already.
  package func abort() {
    let wasOpen = rows.withLock { rows in
      defer { rows = nil }
      return rows != nil
    }
    if wasOpen { engine.release(label, of: collection.name) }
  }

  private static let ended = VecError(.ingestNotFound, "this ingest has ended: begin a new one and send its rows again")
}

extension Engine {
  /// Begins an ingest and holds its generation until commit or abort.
  ///
  /// Without a label it takes the only generation that is building, or a new one named g1, g2, ...
  /// - Parameter model: version of the model that made the vectors, which the generation must carry.
  package func beginIngest(
    _ name: String, generation label: String?, model: String? = nil
  ) throws(VecError) -> Ingest {
    let (row, generation) = try withWriter { (writer) throws(VecError) in
      let collection = try collection(name)
      if let model { try Names.checkModel(model) }
      let generation = try Self.target(label, model, of: collection, &writer, now: options.now())
      try collection.refuseIfBusy(generation.label)
      update(name) { $0.work[generation.label] = Collection.Work(kind: .ingest) }
      return (collection.row, generation)
    }
    do {
      return try Ingest(self, collection: row, generation: generation)
    } catch {
      release(generation.label, of: name)
      throw error
    }
  }

  /// For the rows of a new segment.
  func itemCollector(_ collection: CollectionRow) -> ItemCollector {
    ItemCollector(collection.attributes, ids: collection.ids) { [directory] () throws(VecError) in
      try RowSpool(directory: directory)
    }
  }

  /// Ends the hold of an ingest or build.
  func release(_ label: String, of name: String) {
    update(name) { $0.work[label] = nil }
  }

  private static func target(
    _ label: String?, _ model: String?, of collection: Collection, _ writer: inout Writer, now: Int64
  ) throws(VecError) -> GenerationRow {
    if let label, let existing = collection.generation(labelled: label) {
      guard !existing.hasWrites else {
        throw VecError(
          .generationState,
          "generation \(label) of \(collection.row.name) has been written to since it was built: upsert into it, or "
            + "ingest into a new generation")
      }
      guard existing.row.state == .building || existing.row.state == .built else {
        throw VecError(
          .generationState,
          "generation \(label) of \(collection.row.name) is \(existing.row.state.name): ingest into a new generation "
            + "and publish that")
      }
      try Collection.checkModel(model, of: existing, in: collection.row.name)
      return existing.row
    }
    if label == nil {
      let building = collection.generations.filter { $0.row.state == .building }
      if building.count > 1 { return try collection.onlyBuilding(for: "ingest into").row }
      if let only = building.first {
        try Collection.checkModel(model, of: only, in: collection.row.name)
        return only.row
      }
    }
    if let label { try Names.checkLabel(label) }
    let number = writer.takeNumber()
    return GenerationRow(
      number: number, collection: collection.row.number, label: label ?? freshLabel(in: collection), createdAt: now,
      model: model)
  }

  static func freshLabel(in collection: Collection) -> String {
    var number = collection.generations.count + 1
    while collection.generation(labelled: "g\(number)") != nil || collection.work["g\(number)"] != nil { number += 1 }
    return "g\(number)"
  }
}
