package import VecCore
import VecIndex
import VecManifest
import VecStorage

/// What a build made.
package struct BuildOutcome: Sendable {
  package var index: IndexType
  package var rowCount: UInt64
  package var byteCount: UInt64
  package var segmentCount: Int
  /// Share of the true top k that a search finds; 1 for flat.
  package var expectedRecall: Float
}

/// The building of a generation's index, held from `beginBuild` to the end of `run`.
///
/// Flat needs no structure of its own: building verifies every byte of the generation and rewrites several segments
/// into one, so that a search scans one plane; then the generation can be published.
package final class IndexBuild: Sendable {
  package let label: String
  private let engine: Engine
  private let collection: CollectionRow

  init(_ engine: Engine, collection: CollectionRow, label: String) {
    self.engine = engine
    self.collection = collection
    self.label = label
  }

  deinit { engine.release(label, of: collection.name) }

  /// Builds; long. The error of a failed build is kept for `generations`, and the generation is as it was before.
  @discardableResult
  package func run() throws(VecError) -> BuildOutcome {
    let outcome: BuildOutcome
    do {
      outcome = try build()
      engine.update(collection.name) { $0.buildErrors[label] = nil }
    } catch {
      engine.update(collection.name) { $0.buildErrors[label] = error.description }
      engine.release(label, of: collection.name)
      throw error
    }
    engine.release(label, of: collection.name)
    return outcome
  }

  private func build() throws(VecError) -> BuildOutcome {
    let generation = try engine.collection(collection.name).requireGeneration(label)
    try verify(generation.segments)
    var segments = generation.segments
    if segments.count > 1, generation.rowCount <= UInt64(Limits.segmentRowsMax) {
      segments = [try rewrite(generation)]
    }
    for segment in segments { segment.prepare(engine.team) }
    do {
      try engine.finishBuild(generation, of: collection.name, segments: segments)
    } catch {
      if error.code != .ioError, segments.count != generation.segments.count { segments[0].retire() }
      throw error
    }
    return BuildOutcome(
      index: .flat, rowCount: generation.rowCount, byteCount: segments.reduce(0) { $0 + $1.row.byteCount },
      segmentCount: segments.count, expectedRecall: 1)
  }

  /// The first half of the progress, when a rewrite follows.
  private func verify(_ segments: [SegmentHandle]) throws(VecError) {
    let total = segments.reduce(0) { $0 + $1.row.byteCount }
    let share: Float = segments.count > 1 ? 0.5 : 1
    var done: UInt64 = 0
    for segment in segments {
      try segment.file.verify { bytes in
        done += UInt64(bytes)
        report(share * Float(done) / Float(max(total, 1)))
      }
    }
  }

  private func rewrite(_ generation: Generation) throws(VecError) -> SegmentHandle {
    let merge = SegmentMerge(generation.segments, kernels: engine.kernels)
    let uuid = engine.options.makeUUID()
    let written = try engine.stoppingAtIOErrors { () throws(VecError) in
      try merge.write(
        to: engine.directory, uuid: uuid, collection: collection, generation: generation.row.number
      ) { report(0.5 + 0.5 * $0) }
    }
    let ordinal = (generation.segments.last?.row.ordinal ?? 0) + 1
    return try SegmentHandle(
      SegmentRow(written, generation: generation.row.number, ordinal: ordinal), of: collection, in: engine.directory,
      isVerified: true)
  }

  private func report(_ progress: Float) {
    engine.update(collection.name) { $0.work[label]?.progress = min(progress, 1) }
  }
}

extension Engine {
  /// Reserves a generation for a build. A nil type leaves the choice to vecd (auto).
  package func beginBuild(
    _ name: String, generation label: String?, type: IndexType?, sample: QuerySample? = nil
  ) throws(VecError) -> IndexBuild {
    guard type == .flat else {
      throw VecError(
        .notAvailable, "index type \(type?.name ?? "auto") is not available in this version: build type flat")
    }
    if let sample { try check(sample, for: try collection(name).row) }
    return try withWriter { (_) throws(VecError) in
      let collection = try collection(name)
      let generation =
        if let label { try collection.requireGeneration(label) } else { try collection.onlyBuilding(for: "build") }
      let found = generation.row
      try collection.refuseIfBusy(found.label)
      guard found.state == .building || found.state == .built else {
        throw VecError(
          .generationState, "generation \(found.label) of \(name) is \(found.state.name): it has its index already")
      }
      guard !generation.segments.isEmpty else {
        throw VecError(.generationState, "generation \(found.label) of \(name) has no rows: ingest into it first")
      }
      update(name) { $0.work[found.label] = Collection.Work(kind: .build) }
      return IndexBuild(self, collection: collection.row, label: found.label)
    }
  }

  /// A sample that flat does not need is held to the same rules, so that a wrong one is noticed with every type.
  private func check(_ sample: QuerySample, for collection: CollectionRow) throws(VecError) {
    guard sample.dimension == collection.dimension else {
      throw VecError(
        .dimensionMismatch,
        "the sample has dimension \(sample.dimension), collection \(collection.name) has \(collection.dimension)")
    }
    try QueryCheck.check(sample.vectors, dimension: sample.dimension, interests: 1, metric: collection.metric)
  }

  /// Swaps a generation's segments for those of its build, in the manifest and then in memory.
  func finishBuild(_ generation: Generation, of name: String, segments: [SegmentHandle]) throws(VecError) {
    let gone = generation.segments.filter { old in !segments.contains { $0.row.uuid == old.row.uuid } }
    let new = segments.filter { new in !generation.segments.contains { $0.row.uuid == new.row.uuid } }
    try withWriter { (writer) throws(VecError) in
      var row = try collection(name).row
      row.sequence += 1
      var next = generation
      next.segments = segments
      next.row.state = .built
      next.row.index = .flat
      next.row.builtAt = options.now()
      try writer.manifest.transaction { [row, next] (transaction) throws(VecError) in
        for segment in gone { try transaction.deleteSegment(segment.row.uuid, of: row.number) }
        for segment in new { try transaction.insert(segment.row, of: row.number) }
        try transaction.update(next.row)
        try transaction.update(row)
      }
      update(name) { [row, next] in
        $0.replace(next)
        $0.row = row
      }
    }
    for segment in gone { segment.retire() }
  }
}
