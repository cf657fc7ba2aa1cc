import VecCore
import VecIndex
import VecKernels
import VecManifest
import VecStorage

/// What a build makes besides verified rows: which indexes, aimed at what, with which queries.
struct IndexRecipe: Sendable {
  /// Searches that name no target aim at this, unless the build named another.
  static let defaultTargetRecall: Float = 0.95
  private static let seed: UInt64 = 1

  /// Nil for auto.
  let type: IndexType?
  let targetRecall: Float
  /// Real queries; nil for none.
  let sample: QuerySample?

  init(type: IndexType?, targetRecall: Float?, sample: QuerySample?) {
    self.type = type
    self.targetRecall = type == .flat ? 1 : targetRecall ?? Self.defaultTargetRecall
    self.sample = sample
  }

  var isFlat: Bool { type == .flat }

  /// Of the steps after verifying and joining: lists, their rewrite, graph and calibration, the last rewrite.
  var stepWeights: [Float] { isFlat ? [] : [6, 1, 6, 1] }

  /// The lists, and the order that the rows must have for them.
  func order(
    of source: SegmentHandle, _ engine: Engine, _ steps: BuildSteps, _ shouldStop: () -> Bool
  ) throws(VecError) -> (rows: [UInt32], lists: IVFLists) {
    let progress = steps.next()
    return try source.withBarePlane { (plane) throws(VecError) in
      let made = try IVFBuilder(kernels: engine.kernels, metric: source.file.header.metric).build(
        plane, IVFParameters(seed: Self.seed), team: engine.team, progress: progress, shouldStop: shouldStop)
      return (made.order, made.lists)
    }
  }

  /// The index sections of a segment whose rows are in the order of the lists.
  func sections(
    of segment: SegmentHandle, lists: IVFLists, _ engine: Engine, _ steps: BuildSteps, _ shouldStop: () -> Bool
  ) throws(VecError) -> [(kind: SectionKind, bytes: [UInt8])] {
    let progress = steps.next()
    let metric = segment.file.header.metric
    segment.prepare(engine.team)
    var indexes = IndexSet(lists: lists)
    try segment.withPlane { (plane) throws(VecError) in
      guard plane.codes != nil else {
        throw VecError(.limitExceeded, "there is no memory for the codes of \(plane.rowCount) rows, which an index needs")
      }
      let queries = CalibrationQueries(sample: sample?.vectors, plane: plane, metric: metric, seed: Self.seed)
      indexes.calibration = try CalibrationRun(kernels: engine.kernels, metric: metric).measure(
        indexes, queries, plane: plane, targetRecall: targetRecall, shouldStop: shouldStop)
    }
    progress(1)
    var sections: [(kind: SectionKind, bytes: [UInt8])] = [(.lists, lists.encoded())]
    if let calibration = indexes.calibration { sections.append((.calibration, calibration.encoded())) }
    return sections
  }

  /// What the manifest records: the type that was asked for; of auto what a search for the hundred best would use.
  func recorded(_ segments: [SegmentHandle]) -> IndexType {
    if let type { return type }
    guard let segment = segments.first, segments.count == 1 else { return .flat }
    let planner = segment.indexes.planner(
      rowCount: Int(segment.row.rowCount), dimension: segment.file.header.dimension)
    return (try? planner.plan(.standard, index: nil, k: 100, queryCount: 1))?.index ?? .flat
  }
}
