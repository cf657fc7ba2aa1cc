import VecCore
import VecIndex
import VecKernels

/// Rows that are made up, with codes: what an index that was decoded from an input is searched over.
final class SampleRows: @unchecked Sendable {
  private struct Shape: Hashable {
    let rowCount: Int
    let dimension: Int
    let metric: Metric
  }

  private static let searcher = IndexSearch(kernels: Kernels())
  // One thread fuzzes.
  nonisolated(unsafe) private static var made: [Shape: SampleRows] = [:]

  private let shape: Shape
  private let values: UnsafeMutablePointer<Float>
  private let inverses: UnsafeMutablePointer<Float>
  private let numbers: UnsafeMutablePointer<UInt64>
  private let codes: CodedRows?

  /// Nil for more rows than a search per input has time for.
  static func of(_ rowCount: Int, _ dimension: Int, _ metric: Metric) -> SampleRows? {
    guard (1...256).contains(rowCount), (1...16).contains(dimension) else { return nil }
    let shape = Shape(rowCount: rowCount, dimension: dimension, metric: metric)
    if let rows = made[shape] { return rows }
    // What is never given back must not grow without end.
    guard made.count < 2_000 else { return nil }
    let rows = SampleRows(shape)
    made[shape] = rows
    return rows
  }

  private init(_ shape: Shape) {
    self.shape = shape
    values = .allocate(capacity: shape.rowCount * shape.dimension)
    inverses = .allocate(capacity: shape.rowCount)
    numbers = .allocate(capacity: shape.rowCount)
    var random = SplitMix64(seed: 7)
    for row in 0..<shape.rowCount {
      var square: Float = 0
      for place in (row * shape.dimension)..<((row + 1) * shape.dimension) {
        values[place] = Float(Int(random.next() % 9) - 4) / 4 + 0.125
        square += values[place] * values[place]
      }
      inverses[row] = 1 / square.squareRoot()
      numbers[row] = UInt64(row)
    }
    codes = try? CodedRows(Self.plane(values, inverses, numbers, shape, nil), metric: shape.metric)
  }

  var plane: VectorPlane { Self.plane(values, inverses, numbers, shape, codes?.plane) }

  private static func plane(
    _ values: UnsafeMutablePointer<Float>, _ inverses: UnsafeMutablePointer<Float>,
    _ numbers: UnsafeMutablePointer<UInt64>, _ shape: Shape, _ codes: CodePlane?
  ) -> VectorPlane {
    VectorPlane(
      base: values, rowCount: shape.rowCount, dimension: shape.dimension, elementType: .f32, ids: numbers,
      inverseNorms: inverses, greatestNorm: 16, codes: codes)
  }

  /// Asks the indexes for the best rows and holds the answer against what every answer promises.
  func search(_ indexes: IndexSet, _ effort: SearchEffort, interests: Int = 1) {
    Self.search(SearchedSegment(indexes: indexes, plane: plane), shape.metric, effort, interests: interests)
  }

  /// - Parameter areNormsTrue: whether the norms that came with the rows are theirs. Bounds rest on them, so with others
  ///   hits may be missing, and nothing worse.
  /// - Returns: the hits.
  @discardableResult
  static func search(
    _ segment: SearchedSegment, _ metric: Metric, _ effort: SearchEffort, interests: Int, areNormsTrue: Bool = true
  ) -> [Hit] {
    let plane = segment.plane
    let query = (0..<(interests * plane.dimension)).map { Float($0 % 5) - 1.5 }
    let k = 5
    let found = accepted([.notAvailable, .invalidArgument]) { () throws(VecError) in
      let planner = segment.indexes.planner(
        rowCount: plane.rowCount, dimension: plane.dimension, costs: CostModel(.scalar))
      let plan = try planner.plan(effort, index: nil, k: k, queryCount: interests, interests: interests)
      return try query.withUnsafeBufferPointer { (query) throws(VecError) in
        try searcher.search(
          plan, [segment], metric: metric, queries: query, dimension: plane.dimension, interests: interests, k: k,
          shouldStop: { false })
      }
    }
    guard let hits = found?.results.first else { return [] }
    let most = min(k, plane.rowCount)
    demand(areNormsTrue ? hits.count == most : hits.count <= most, "\(hits.count) hits of \(plane.rowCount) rows")
    let ids = Set(UnsafeBufferPointer(start: plane.ids, count: plane.rowCount))
    demand(Set(hits.map(\.id)).count == hits.count, "an id comes twice")
    demand(hits.allSatisfy { ids.contains($0.id) && $0.interest < interests }, "an id or interest that is not there")
    return hits
  }
}

/// What vecd's own builders make of some rows.
enum Samples {
  struct Sections {
    var lists: [UInt8]
    var graph: [UInt8]
    var calibration: [UInt8]
  }

  /// Sections over rows of `SampleRows`, which are the order of their lists already for all that a decoder can tell.
  static func indexed() throws -> [Sections] {
    try [(12, 2), (40, 8)].compactMap { rowCount, lists in
      guard let rows = SampleRows.of(rowCount, 8, .ip) else { return nil }
      var parameters = IVFParameters()
      parameters.lists = lists
      let listed = try IVFBuilder(kernels: Kernels(), metric: .ip).build(
        rows.plane, parameters, team: .single, progress: { _ in }, shouldStop: { false })
      let built = try [Float](repeating: 0.5, count: 8).withUnsafeBufferPointer { (sample) throws(VecError) in
        try HNSWIndex(kernels: Kernels(), metric: .ip).build(
          rows.plane, codes: rows.plane.codes, HNSWParameters(links: 4, efConstruction: 16), queries: sample,
          team: .single, progress: { _ in }, shouldStop: { false })
      }
      let indexes = IndexSet(lists: listed.lists, graph: built.graph)
      let calibration = try CalibrationRun(kernels: Kernels(), metric: .ip).measure(
        indexes, CalibrationQueries(sample: nil, plane: rows.plane, metric: .ip, seed: 1), plane: rows.plane,
        targetRecall: 0.9, shouldStop: { false })
      return Sections(lists: listed.lists.encode(), graph: try built.graph.encoded(), calibration: calibration.encoded())
    }
  }
}
