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

  /// What a generation was built with, to build it again.
  init(of generation: Generation, sample: QuerySample?) {
    let types = generation.segments.reduce(into: [] as IndexTypes) { $0.formUnion($1.indexes.available) }.types
    let target = generation.segments.compactMap { $0.indexes.calibration?.targetRecall }.max()
    self.init(
      type: types.count > 1 ? nil : types.first ?? .flat, targetRecall: target, sample: sample)
  }

  var isFlat: Bool { type == .flat }
  private var hasLists: Bool { type == .ivf || type == nil }
  private var hasGraph: Bool { type == .hnsw || type == nil }

  /// Memory that a build takes per row: codes, ids, and what clustering and linking keep of each.
  func rowBytes(dimension: Int) -> Int {
    guard !isFlat else { return 24 }
    let stride = RowCode.stride(dimension: dimension)
    return stride + stride / 2 + 80 + (hasGraph ? HNSWParameters(seed: Self.seed).buildBytesPerRow : 0)
  }

  /// Of the steps after verifying and joining: lists, the rewrite in their order, graph, calibration, the last rewrite.
  var stepWeights: [Float] { isFlat ? [] : [6, 1] + (hasGraph ? [30] : []) + [4, 1] }

  /// The lists, and the order that the rows must have for them. A graph is walked faster too where near rows lie together.
  func order(
    of source: SegmentHandle, _ engine: Engine, _ steps: BuildSteps, _ shouldStop: () -> Bool
  ) throws(VecError) -> (rows: [UInt32], lists: IVFLists) {
    let progress = steps.next()
    return try source.withBarePlane { (plane) throws(VecError) in
      var parameters = hasLists ? IVFParameters() : .ordering(rowCount: plane.rowCount)
      parameters.seed = Self.seed
      let made = try IVFBuilder(kernels: engine.kernels, metric: source.file.header.metric).build(
        plane, parameters, team: engine.team, progress: progress, shouldStop: shouldStop)
      return (made.order, made.lists)
    }
  }

  /// The index sections of a segment whose rows are in the order of the lists.
  func sections(
    of segment: SegmentHandle, lists: IVFLists, _ engine: Engine, _ steps: BuildSteps, _ shouldStop: () -> Bool
  ) throws(VecError) -> [(kind: SectionKind, bytes: [UInt8])] {
    segment.prepare(engine.team, forBuild: true)
    let indexes = try segment.withPlane { (plane) throws(VecError) in
      guard plane.codes != nil else {
        throw VecError(.limitExceeded, "there is no memory for the codes of \(plane.rowCount) rows, which an index needs")
      }
      return try build(over: plane, segment.file.header.metric, lists, engine, steps, shouldStop)
    }
    var sections: [(kind: SectionKind, bytes: [UInt8])] = []
    if let lists = indexes.lists { sections.append((.lists, lists.encode())) }
    if let graph = indexes.graph { sections.append((.graph, try graph.encoded())) }
    if let calibration = indexes.calibration { sections.append((.calibration, calibration.encoded())) }
    return sections
  }

  private func build(
    over plane: VectorPlane, _ metric: Metric, _ lists: IVFLists, _ engine: Engine, _ steps: BuildSteps,
    _ shouldStop: () -> Bool
  ) throws(VecError) -> IndexSet {
    let queries = CalibrationQueries(sample: sample?.vectors, plane: plane, metric: metric, seed: Self.seed)
    var indexes = IndexSet(lists: hasLists ? lists : nil)
    if hasGraph {
      let progress = steps.next()
      indexes.graph = try queries.shaping.withUnsafeBufferPointer { (shaping) throws(VecError) in
        try HNSWIndex(kernels: engine.kernels, metric: metric).build(
          plane, codes: plane.codes, HNSWParameters(seed: Self.seed), queries: shaping, team: engine.team,
          progress: progress, shouldStop: shouldStop
        ).graph
      }
    }
    let progress = steps.next()
    indexes.calibration = try CalibrationRun(kernels: engine.kernels, metric: metric).measure(
      indexes, queries, plane: plane, targetRecall: targetRecall, shouldStop: shouldStop)
    progress(1)
    return indexes
  }

  /// What the manifest records: the type that was asked for; of auto what a search for the hundred best would use.
  func recorded(_ segments: [SegmentHandle], _ costs: CostModel) -> IndexType {
    if let type { return type }
    guard let dimension = segments.first?.file.header.dimension else { return .flat }
    let planner = Planner(
      parts: segments.map { $0.indexes.planned(rowCount: Int($0.row.rowCount)) },
      stride: RowCode.stride(dimension: dimension), dimension: dimension, costs: costs)
    return (try? planner.plan(.standard, index: nil, k: 100, queryCount: 1))?.index ?? .flat
  }
}
