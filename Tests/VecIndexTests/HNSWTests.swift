import Dispatch
import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// A graph over the rows of a contract case.
struct StoredGraph {
  let given: ContractCase
  let graph: HNSWGraph
  let report: HNSWReport
  private let stored: StoredPlanes
  private let scratch = TraversalScratch()

  init(
    _ given: ContractCase, _ parameters: HNSWParameters = HNSWParameters(links: 8, efConstruction: 60, seed: 5),
    sample: [Float] = [], team: WorkTeam = .single
  ) throws {
    self.given = given
    stored = StoredPlanes(given, coding: .codes)
    let plane = stored.planes[0]
    (graph, report) = try sample.withUnsafeBufferPointer { (sample) throws in
      try HNSWIndex(kernels: Kernels(), metric: given.metric).build(
        plane, codes: plane.codes, parameters, queries: sample, team: team, progress: { _ in }, shouldStop: { false })
    }
  }

  func search(ef: Int, mask: [UInt64]? = nil, graph other: HNSWGraph? = nil) throws -> [[OracleHit]] {
    let plane = stored.planes[0]
    func ask(_ mask: RowMask?) throws -> [[Hit]] {
      try given.queries.withUnsafeBufferPointer {
        try HNSWIndex(kernels: Kernels(), metric: given.metric).search(
          other ?? graph, queries: $0, interests: given.interests, k: given.k, ef: ef, plane: plane, codes: plane.codes,
          mask: mask, scratch: scratch, shouldStop: { false })
      }
    }
    let answer =
      if let mask { try mask.withUnsafeBufferPointer { try ask($0.baseAddress.map { RowMask($0) }) } } else { try ask(nil) }
    return answer.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }
  }
}

@Suite("A graph")
struct HNSWTests {
  @Test("keeps every promise of form for every shape and metric, k beyond n included", arguments: VectorShape.allCases)
  func form(shape: VectorShape) throws {
    for metric in Metric.allCases {
      for (d, n, k, interests) in [(3, 1, 2, 1), (8, 40, 100, 2), (17, 900, 20, 1), (33, 700, 60, 3)] {
        let given = IndexContract.random(
          shape, metric: metric, type: .f32, dimension: d, count: n, k: k, queries: 5, interests: interests, seed: Seed(101))
        let stored = try StoredGraph(given)
        for ef in [1, 80] {
          let answer = try stored.search(ef: ef)
          #expect(IndexContract.defects(given, answer) == [])
          #expect(answer.allSatisfy { $0.count == min(k, n) }, "\(given) ef \(ef)")
        }
      }
    }
  }

  @Test("finds nearly all when asked to, and more the longer its candidate list", arguments: Metric.allCases)
  func recall(metric: Metric) throws {
    let given = IndexContract.random(
      .gaussian, metric: metric, type: .f32, dimension: 16, count: 5000, k: 20, queries: 50, seed: Seed(102))
    let stored = try StoredGraph(given, HNSWParameters(seed: 1))
    #expect(stored.report.nodeCount == 5000 && stored.report.reachableShare > 0.99)
    let recalls = try [20, 60, 200, 800].map { IndexContract.recall(given, try stored.search(ef: $0)) }
    #expect(recalls == recalls.sorted() && recalls[1] > 0.8 && recalls[3] > 0.99, "\(metric.name): \(recalls)")
  }

  @Test("a sample of queries leads to more of what such queries want")
  func sample() throws {
    var given = IndexContract.random(
      .mixedNorms, metric: .ip, type: .f32, dimension: 16, count: 4000, k: 20, queries: 400, seed: Seed(103))
    let sample = Array(given.queries[(100 * 16)...])
    given.queries = Array(given.queries[..<(100 * 16)])
    let plain = try StoredGraph(given)
    let shaped = try StoredGraph(given, sample: sample)
    #expect(shaped.report.queryCount == 300 && shaped.report.queryLinkedRows > 0)
    let (before, after) = (
      IndexContract.recall(given, try plain.search(ef: 30)), IndexContract.recall(given, try shaped.search(ef: 30))
    )
    #expect(after > before - 0.02, "\(before) to \(after)")
  }

  @Test("is the same bytes for any number of workers, and comes back from its bytes", arguments: Metric.allCases)
  func bytes(metric: Metric) throws {
    let given = IndexContract.random(
      .duplicates, metric: metric, type: .f16, dimension: 12, count: 3000, k: 10, seed: Seed(104))
    let one = try StoredGraph(given)
    let bytes = try one.graph.encoded()
    #expect(bytes.count == one.graph.encodedByteCount)
    for width in [2, 3] {
      let team = WorkTeam(width: width) { count, body in
        DispatchQueue.concurrentPerform(iterations: count, execute: body)
      }
      #expect(try StoredGraph(given, team: team).graph.encoded() == bytes)
    }
    let back = try decode(bytes, rows: 3000)
    #expect(try back.encoded() == bytes)
    #expect(try one.search(ef: 40, graph: back) == one.search(ef: 40))
  }

  private func decode(_ bytes: [UInt8], rows: Int) throws -> HNSWGraph {
    try bytes.withUnsafeBytes { (raw) throws in try HNSWGraph(decoding: raw, rowCount: rows) }
  }

  @Test("damaged bytes are an error, or a graph that leads nowhere but to its own rows")
  func damage() throws {
    let given = IndexContract.random(.duplicates, metric: .l2, type: .f32, dimension: 4, count: 90, k: 5, seed: Seed(105))
    let stored = try StoredGraph(given, HNSWParameters(links: 4, efConstruction: 20))
    let bytes = try stored.graph.encoded()
    for length in 0..<bytes.count { #expect(throws: VecError.self) { try decode(Array(bytes[..<length]), rows: 90) } }
    for rows in [0, 89, 91] { #expect(throws: VecError.self) { try decode(bytes, rows: rows) } }
    var sound = 0
    for bit in 0..<(bytes.count * 8) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      guard let graph = try? decode(damaged, rows: 90) else { continue }
      sound += 1
      let answer = try stored.search(ef: 20, graph: graph)
      // A list that was cut can hide rows, but scores and form stay right.
      #expect(IndexContract.defects(given, answer) == [])
    }
    #expect(sound < bytes.count * 8 / 2)
  }

  @Test("rows that a mask leaves out do not come, and all others can, however few they are")
  func masks() throws {
    let given = IndexContract.random(
      .gaussian, metric: .ip, type: .f32, dimension: 8, count: 2000, k: 15, queries: 10, seed: Seed(106))
    let stored = try StoredGraph(given)
    for every in [1, 3, 40, 700] {
      var words = [UInt64](repeating: 0, count: 2000 / 64 + 1)
      let allowed = Set(stride(from: 0, to: 2000, by: every))
      for row in allowed { words[row / 64] |= 1 << UInt64(row % 64) }
      let ids = Set(allowed.map { given.ids[$0] })
      let answer = try stored.search(ef: 60, mask: words)
      #expect(answer.allSatisfy { $0.count == min(15, ids.count) && $0.allSatisfy { ids.contains($0.id) } })
    }
  }
}
