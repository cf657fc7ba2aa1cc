import Synchronization
package import VecCore
import VecIndex
import VecManifest
import VecStorage

/// The building of a generation's index, held from `beginBuild` to the end of `run`.
///
/// Every build verifies all bytes of the generation and rewrites its segments into as few as the memory budget allows
/// (`SegmentCut`), mostly one, without the rows that no longer count. Flat needs no structure of its own. For the others
/// `IndexRecipe` says what follows for each of them; each step is a rewrite of segments into another, so a kill at any
/// time leaves files that no manifest knows, and the generation as it was.
package final class IndexBuild: Sendable {
  package let label: String
  /// Set by `cancelBuild`.
  let isCalledOff = Atomic<Bool>(false)
  private let engine: Engine
  private let collection: CollectionRow
  private let recipe: IndexRecipe

  init(_ engine: Engine, collection: CollectionRow, label: String, recipe: IndexRecipe) {
    self.engine = engine
    self.collection = collection
    self.label = label
    self.recipe = recipe
  }

  deinit { engine.release(label, of: collection.name) }

  /// Builds; long. The error of a failed build is kept for `generations`, and the generation is as it was before.
  ///
  /// - Parameter shouldStop: asked several times a second; true ends with `deadline-exceeded`.
  @discardableResult
  package func run(shouldStop: () -> Bool = { false }) throws(VecError) -> BuildOutcome {
    let outcome: BuildOutcome
    do {
      outcome = try build { shouldStop() || isCalledOff.load(ordering: .relaxed) }
      engine.update(collection.name) { $0.buildErrors[label] = nil }
    } catch {
      engine.update(collection.name) { $0.buildErrors[label] = error.description }
      engine.release(label, of: collection.name)
      throw error
    }
    engine.release(label, of: collection.name)
    return outcome
  }

  private func build(_ shouldStop: () -> Bool) throws(VecError) -> BuildOutcome {
    let generation = try engine.collection(collection.name).requireGeneration(label)
    // What is written on the way and does not stay is unlinked when its last reader lets go.
    var made: [SegmentHandle] = []
    do {
      let segments = try segments(of: generation, &made, shouldStop)
      for segment in segments { segment.prepare(engine.team) }
      let index = recipe.recorded(segments, engine.costs)
      try SegmentSwap(source: generation, made: segments, index: index, sample: recipe.sample).run(engine, of: collection.name)
      for segment in made where !segments.contains(where: { $0 === segment }) { segment.retire() }
      return BuildOutcome(
        index: index, rowCount: generation.rowCount, byteCount: segments.reduce(0) { $0 + $1.row.byteCount },
        segmentCount: segments.count, targetRecall: recipe.targetRecall, indexes: segments.flatMap(\.summaries))
    } catch {
      // After an I/O error at commit the outcome is unknown, and the manifest may know the file: the next start decides.
      if !error.mayHaveHappened { for segment in made { segment.retire() } }
      throw error
    }
  }

  private func segments(
    of generation: Generation, _ made: inout [SegmentHandle], _ shouldStop: () -> Bool
  ) throws(VecError) -> [SegmentHandle] {
    let total = generation.segments.reduce(0) { $0 + $1.row.rowCount }
    guard total <= UInt64(Limits.segmentRowsMax) else {
      throw VecError(
        .limitExceeded,
        "generation \(label) has \(total) rows, a build numbers at most \(Limits.segmentRowsMax): "
          + "spread them over several collections")
    }
    let live = generation.live.isEmpty ? nil : generation.liveRows
    let rowBytes = recipe.rowBytes(dimension: collection.dimension)
    let cut = try SegmentCut(
      rowCount: live?.count ?? Int(total), rowsMax: engine.options.segmentRows, rowBytes: rowBytes,
      memoryBudget: engine.options.memoryBudget)
    let isJoined = generation.segments.count == 1 && cut.ranges.count == 1 && live == nil
    let steps = BuildSteps(recipe, parts: cut.ranges.count, joins: !isJoined) { self.report($0) }
    try verify(generation.segments, steps)
    var built: [SegmentHandle] = []
    for range in cut.ranges where !range.isEmpty {
      var joined = generation.segments.first
      if !isJoined {
        let order =
          live.map { Array($0[range]) } ?? (cut.ranges.count > 1 ? range.map { UInt32(truncatingIfNeeded: $0) } : nil)
        joined = try rewrite(generation.segments, of: generation, steps.next(), &made, order: order)
      }
      let reserved = range.count * rowBytes
      engine.memory.take(reserved)
      defer { engine.memory.giveBack(reserved) }
      if !recipe.isFlat { joined = try index(&joined, of: generation, steps, &made, shouldStop) }
      if let joined { built.append(joined) }
    }
    return built
  }

  /// The rows of a segment in the order of its lists, with indexes. Lets go of the segment, and of its file if it was made
  /// on the way, as soon as the next one has its rows: no more than two at a time take room on the disk.
  private func index(
    _ source: inout SegmentHandle?, of generation: Generation, _ steps: BuildSteps, _ made: inout [SegmentHandle],
    _ shouldStop: () -> Bool
  ) throws(VecError) -> SegmentHandle? {
    guard let ordered = try source.map({ (joined) throws(VecError) in
      try self.ordered(joined, of: generation, steps, &made, shouldStop)
    }) else { return nil }
    drop(&source, &made)
    let sections = try recipe.sections(of: ordered.segment, lists: ordered.lists, engine, steps, shouldStop)
    return try rewrite([ordered.segment], of: generation, steps.next(), &made, sections: sections)
  }

  private func ordered(
    _ source: SegmentHandle, of generation: Generation, _ steps: BuildSteps, _ made: inout [SegmentHandle],
    _ shouldStop: () -> Bool
  ) throws(VecError) -> (segment: SegmentHandle, lists: IVFLists) {
    let order = try recipe.order(of: source, engine, steps, shouldStop)
    return (try rewrite([source], of: generation, steps.next(), &made, order: order.rows), order.lists)
  }

  private func drop(_ segment: inout SegmentHandle?, _ made: inout [SegmentHandle]) {
    if let place = made.firstIndex(where: { $0 === segment }) { made.remove(at: place).retire() }
    segment = nil
  }

  private func verify(_ segments: [SegmentHandle], _ steps: BuildSteps) throws(VecError) {
    let total = segments.reduce(0) { $0 + $1.row.byteCount }
    let progress = steps.next()
    var done: UInt64 = 0
    for segment in segments {
      try segment.file.verify { bytes in
        done += UInt64(bytes)
        progress(Float(done) / Float(max(total, 1)))
      }
    }
  }

  private func rewrite(
    _ sources: [SegmentHandle], of generation: Generation, _ progress: (Float) -> Void, _ made: inout [SegmentHandle],
    order: [UInt32]? = nil, sections: [(kind: SectionKind, bytes: [UInt8])] = []
  ) throws(VecError) -> SegmentHandle {
    var rewrite = SegmentRewrite(sources, kernels: engine.kernels)
    rewrite.order = order
    rewrite.sections = sections
    let uuid = engine.options.makeUUID()
    // As it is now: attributes may have been added since the build was asked for, and the sources may have values for them.
    let collection = try engine.collection(self.collection.name).row
    let written = try engine.stoppingAtIOErrors { [rewrite] () throws(VecError) in
      try rewrite.write(
        to: engine.directory, uuid: uuid, collection: collection, generation: generation.row.number, progress: progress)
    }
    let handle = try SegmentHandle(
      SegmentRow(written, generation: generation.row.number, ordinal: 0), of: collection, in: engine.directory,
      memory: engine.memory, isVerified: true)
    made.append(handle)
    return handle
  }

  private func report(_ progress: Float) {
    engine.update(collection.name) { $0.work[label]?.progress = min(progress, 1) }
  }
}

/// Turns the progress of each step of a build into that of the whole.
final class BuildSteps {
  private let weights: [Float]
  private let report: (Float) -> Void
  private var number = 0

  /// - Parameters:
  ///   - parts: segments that are made.
  ///   - joins: whether each begins as a rewrite of others.
  init(_ recipe: IndexRecipe, parts: Int, joins: Bool, report: @escaping (Float) -> Void) {
    let part = (joins ? [1] : []) + recipe.stepWeights
    weights = [1] + (0..<parts).flatMap { _ in part.map { $0 / Float(parts) } }
    self.report = report
  }

  /// The reporter of the next step, which takes shares from 0 to 1.
  func next() -> (Float) -> Void {
    let before = weights.prefix(number).reduce(0, +)
    let own = number < weights.count ? weights[number] : 0
    let total = weights.reduce(0, +)
    number += 1
    return { [report] share in report((before + own * min(share, 1)) / total) }
  }
}
