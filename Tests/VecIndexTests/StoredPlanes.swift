import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// The rows of a case in memory as segments hold them, each plane ending right before an unmapped page.
struct StoredPlanes {
  /// What planes have beside the vectors.
  enum Coding: CaseIterable, Sendable { case none, codes, sketches }

  private struct Part {
    let bytes: GuardedBuffer
    let ids: GuardedBuffer
    let inverseNorms: GuardedBuffer
    let count: Int
    let greatestNorm: Float
    var coded: CodedRows?
  }

  private let parts: [Part]
  private let given: ContractCase

  /// - Parameter cuts: first rows of the second and later planes, ascending.
  init(_ given: ContractCase, cuts: [Int] = [], coding: Coding = .none) {
    self.given = given
    let edges = [0] + cuts + [given.ids.count]
    parts = zip(edges, edges.dropFirst()).map {
      var part = Self.part(given, $0..<$1)
      if coding != .none {
        part.coded = Self.code(Self.plane(part, given), given, sketched: coding == .sketches)
      }
      return part
    }
  }

  private static func part(_ given: ContractCase, _ rows: Range<Int>) -> Part {
    let d = given.dimension
    let values = Array(given.rows[(rows.lowerBound * d)..<(rows.upperBound * d)])
    let bytes = GuardedBuffer(values.count * given.elementType.byteCount)
    let norms = values.withUnsafeBufferPointer { buffer in
      ElementCoding.narrow(buffer, to: given.elementType, into: bytes.bytes)
      return RowInspection(rows: buffer, dimension: d).norms
    }
    let inverses = norms.map { RowInspection.inverse($0) }
    return Part(
      bytes: bytes, ids: Array(given.ids[rows]).withUnsafeBytes { GuardedBuffer(copying: $0) },
      inverseNorms: inverses.withUnsafeBytes { GuardedBuffer(copying: $0) }, count: rows.count,
      greatestNorm: Float(norms.max() ?? 0).nextUp)
  }

  var planes: [VectorPlane] { parts.map { Self.plane($0, given) } }

  /// The codes of the first plane; pointers into a case that nobody uses any more would dangle.
  func coded(sketched: Bool = true, team: WorkTeam = .single) -> CodedRows {
    withExtendedLifetime(self) { Self.code(planes[0], given, sketched: sketched, team: team) }
  }

  private static func code(
    _ plane: VectorPlane, _ given: ContractCase, sketched: Bool, team: WorkTeam = .single
  ) -> CodedRows {
    do {
      return try CodedRows(plane, metric: given.metric, sketched: sketched, team: team)
    } catch {
      fatalError("\(given): \(error)")
    }
  }

  private static func plane(_ part: Part, _ given: ContractCase) -> VectorPlane {
    VectorPlane(
      base: part.bytes.bytes, rowCount: part.count, dimension: given.dimension, elementType: given.elementType,
      ids: UnsafePointer(part.ids.bytes.assumingMemoryBound(to: UInt64.self)),
      inverseNorms: given.metric == .cosine
        ? UnsafePointer(part.inverseNorms.bytes.assumingMemoryBound(to: Float.self)) : nil,
      greatestNorm: part.greatestNorm, codes: part.coded?.plane)
  }

  /// The flat index's answer to the queries with the given numbers; nil for all.
  func search(
    _ kernels: Kernels = Kernels(), queries: Range<Int>? = nil, shouldStop: () -> Bool = { false }
  ) throws -> [[OracleHit]] {
    let width = given.interests * given.dimension
    let asked = queries.map { Array(given.queries[($0.lowerBound * width)..<($0.upperBound * width)]) } ?? given.queries
    let index = FlatIndex(kernels: kernels, metric: given.metric)
    let answer = try asked.withUnsafeBufferPointer {
      try index.search(
        queries: $0, dimension: given.dimension, interests: given.interests, k: given.k, planes: planes,
        shouldStop: shouldStop)
    }
    return answer.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }
  }
}

/// The kernels of a tier, or a cancelled case that says this machine lacks it.
func kernels(_ tier: KernelTier) throws -> Kernels {
  guard let kernels = Kernels(tier: tier) else {
    print("kernel tier \(tier.name): not on this machine, test case cancelled")
    try Test.cancel("this machine cannot run the \(tier.name) kernels")
  }
  return kernels
}
