import Dispatch
import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// A case with its rows in the order of the lists that were built over them.
struct ListedPlanes {
  let lists: IVFLists
  let order: [UInt32]
  /// The case, rows and ids moved.
  let given: ContractCase
  let stored: StoredPlanes

  static func parameters(lists: Int?, seed: UInt64 = 1) -> IVFParameters {
    var parameters = IVFParameters()
    parameters.lists = lists
    parameters.seed = seed
    return parameters
  }

  static func team(_ width: Int) -> WorkTeam {
    WorkTeam(width: width) { count, body in DispatchQueue.concurrentPerform(iterations: count, execute: body) }
  }

  init(
    _ given: ContractCase, lists: Int? = nil, kernels: Kernels = Kernels(), team: WorkTeam = .single,
    coding: StoredPlanes.Coding = .sketches
  ) throws {
    let before = StoredPlanes(given)
    let built = try IVFBuilder(kernels: kernels, metric: given.metric).build(
      before.planes[0], Self.parameters(lists: lists), team: team, progress: { _ in }, shouldStop: { false })
    withExtendedLifetime(before) {}
    self.lists = built.lists
    order = built.order
    var moved = given
    moved.rows = built.order.flatMap { given.row(Int($0)) }
    moved.ids = built.order.map { given.ids[Int($0)] }
    self.given = moved
    stored = StoredPlanes(moved, coding: coding)
  }

  /// The IVF index's answer to the queries with the given numbers; nil for all.
  func search(
    nprobe: Int, margin: Float? = nil, _ kernels: Kernels = Kernels(), queries: Range<Int>? = nil, k: Int? = nil,
    mask: [Bool]? = nil, certainty: Certainty = .proven, shouldStop: () -> Bool = { false }
  ) throws -> (hits: [[OracleHit]], work: IVFWork) {
    let width = given.interests * given.dimension
    let asked = queries.map { Array(given.queries[($0.lowerBound * width)..<($0.upperBound * width)]) } ?? given.queries
    let words = mask.map { Self.words($0) } ?? []
    let found = try asked.withUnsafeBufferPointer { asked in
      try words.withUnsafeBufferPointer { words in
        let allowed = mask == nil ? nil : words.baseAddress.map { RowMask($0) }
        let part = IVFPart(lists: lists, plane: stored.planes[0].masked(by: allowed), nprobe: nprobe, margin: margin)
        return try IVFIndex(kernels: kernels, metric: given.metric).search(
          [part], queries: asked, dimension: given.dimension, interests: given.interests, k: k ?? given.k,
          certainty: certainty, shouldStop: shouldStop)
      }
    }
    withExtendedLifetime(stored) {}
    return (
      found.hits.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }, found.work
    )
  }

  /// The case of the rows that a mask leaves.
  func only(_ mask: [Bool]) -> ContractCase {
    var allowed = given
    let rows = mask.indices.filter { mask[$0] }
    allowed.rows = rows.flatMap { given.row($0) }
    allowed.ids = rows.map { given.ids[$0] }
    return allowed
  }

  private static func words(_ mask: [Bool]) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: mask.count / 64 + 1)
    for (row, allowed) in mask.enumerated() where allowed { words[row / 64] |= 1 << UInt64(row % 64) }
    return words
  }

  /// The lists that a query looks at.
  func probes(_ query: Int, nprobe: Int, _ kernels: Kernels = Kernels()) -> [UInt32] {
    let width = given.interests * given.dimension
    return Array(given.queries[(query * width)..<((query + 1) * width)]).withUnsafeBufferPointer {
      IVFIndex(kernels: kernels, metric: given.metric).probes(
        lists, query: $0, interests: given.interests, k: given.k, nprobe: nprobe)
    }
  }

  /// The case of one query over the rows of some lists and nothing else.
  func part(_ query: Int, _ some: [UInt32]) -> ContractCase {
    var part = given
    let rows = some.flatMap { Array(lists.rows(Int($0))) }
    part.rows = rows.flatMap { given.row($0) }
    part.ids = rows.map { given.ids[$0] }
    let width = given.interests * given.dimension
    part.queries = Array(given.queries[(query * width)..<((query + 1) * width)])
    return part
  }
}
