import Dispatch
import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

/// Inverted lists over the rows of a contract case, stored in the order that the lists ask for.
struct StoredLists {
  let given: ContractCase
  let lists: IVFLists
  private let stored: StoredPlanes
  private let kernels: Kernels

  init(
    _ given: ContractCase, kernels: Kernels = Kernels(), lists listCount: Int? = nil, team: WorkTeam = .single,
    coding: StoredPlanes.Coding = .sketches
  ) throws {
    let source = StoredPlanes(given)
    defer { withExtendedLifetime(source) {} }
    let (lists, order) = try IVFBuilder(kernels: kernels, metric: given.metric).build(
      source.planes[0], IVFParameters(listCount: listCount, seed: 3), team: team, progress: { _ in },
      shouldStop: { false })
    var ordered = given
    ordered.ids = order.map { given.ids[Int($0)] }
    ordered.rows = order.flatMap { given.row(Int($0)) }
    self.given = ordered
    self.lists = lists
    self.kernels = kernels
    stored = StoredPlanes(ordered, coding: coding)
  }

  func search(nprobe: Int, queries: Range<Int>? = nil) throws -> [[OracleHit]] {
    let width = given.interests * given.dimension
    let asked = queries.map { Array(given.queries[($0.lowerBound * width)..<($0.upperBound * width)]) } ?? given.queries
    let answer = try asked.withUnsafeBufferPointer {
      try IVFIndex(kernels: kernels, metric: given.metric).search(
        lists, queries: $0, interests: given.interests, k: given.k, nprobe: nprobe, plane: stored.planes[0],
        shouldStop: { false }
      ).results
    }
    return answer.map { hits in hits.map { OracleHit(id: $0.id, score: $0.score, interest: $0.interest) } }
  }
}

@Suite("Inverted lists")
struct IVFTests {
  @Test(
    "with all lists are the flat index's answer, for every shape, metric and tier",
    arguments: KernelTier.allCases, VectorShape.allCases)
  func allLists(tier: KernelTier, shape: VectorShape) throws {
    let kernels = try kernels(tier)
    for metric in Metric.allCases {
      for (d, n, k, queries) in [(1, 120, 10, 3), (17, 800, 100, 5), (64, 700, 1, 40), (130, 300, 400, 2)] {
        let given = IndexContract.random(
          shape, metric: metric, type: ElementType.allCases[(d + n) % 3], dimension: d, count: n, k: k, queries: queries,
          seed: Seed(UInt64(61 + d)))
        for coding in [StoredPlanes.Coding.codes, .sketches] {
          let stored = try StoredLists(given, kernels: kernels, coding: coding)
          #expect(IndexContract.differences(stored.given, try stored.search(nprobe: .max)) == [], "\(coding)")
        }
      }
    }
  }

  @Test("keep every promise of form with few lists, and find as many rows as asked for", arguments: VectorShape.allCases)
  func fewLists(shape: VectorShape) throws {
    for metric in Metric.allCases {
      for (n, k, interests) in [(1, 3, 1), (7, 5, 2), (900, 30, 1), (900, 300, 3), (400, 1000, 1)] {
        let given = IndexContract.random(
          shape, metric: metric, type: .f32, dimension: 12, count: n, k: k, queries: 6, interests: interests, seed: Seed(71))
        let stored = try StoredLists(given)
        for nprobe in [1, 3, 20] {
          let answer = try stored.search(nprobe: nprobe)
          #expect(IndexContract.defects(stored.given, answer) == [])
          #expect(answer.allSatisfy { $0.count == min(k, n) }, "\(given) nprobe \(nprobe)")
        }
      }
    }
  }

  @Test("find more the more of them are looked into, and a query's answer does not depend on its batch")
  func recall() throws {
    for metric in Metric.allCases {
      let given = IndexContract.random(
        .gaussian, metric: metric, type: .f32, dimension: 10, count: 6000, k: 50, queries: 40, seed: Seed(81))
      let stored = try StoredLists(given, lists: 100)
      let recalls = try [1, 4, 16, 60, 100].map { IndexContract.recall(stored.given, try stored.search(nprobe: $0)) }
      #expect(recalls == recalls.sorted() && recalls.last == 1)
      #expect(recalls[1] > 0.35 && recalls[2] > 0.75, "\(metric.name): \(recalls)")
      let together = try stored.search(nprobe: 7)
      for query in [0, 13, 39] { #expect(try stored.search(nprobe: 7, queries: query..<(query + 1)) == [together[query]]) }
      #expect(try stored.search(nprobe: 7, queries: 5..<30) == Array(together[5..<30]))
    }
  }

  @Test("are the same bytes for any number of workers, and come back from their bytes", arguments: Metric.allCases)
  func bytes(metric: Metric) throws {
    let given = IndexContract.random(
      .mixedNorms, metric: metric, type: .f16, dimension: 20, count: 5000, k: 5, seed: Seed(91))
    let one = try StoredLists(given)
    let bytes = one.lists.encoded()
    for width in [2, 3, 8] {
      let team = WorkTeam(width: width) { count, body in
        DispatchQueue.concurrentPerform(iterations: count, execute: body)
      }
      let many = try StoredLists(given, team: team)
      #expect(many.lists.encoded() == bytes && many.given.ids == one.given.ids)
    }
    let back = try decode(bytes, rows: 5000, dimension: 20, metric)
    #expect(back.offsets == one.lists.offsets && back.encoded() == bytes)
  }

  private func decode(_ bytes: [UInt8], rows: Int, dimension: Int, _ metric: Metric) throws -> IVFLists {
    try bytes.withUnsafeBytes { (raw) throws in
      try IVFLists(
        decoding: raw, rowCount: rows, dimension: dimension, metric: metric, kernels: Kernels(), context: "test")
    }
  }

  @Test("damaged bytes are an error or other sound lists, never a trap")
  func damage() throws {
    let given = IndexContract.random(.gaussian, metric: .ip, type: .f32, dimension: 3, count: 60, k: 5, seed: Seed(92))
    let bytes = try StoredLists(given, lists: 6).lists.encoded()
    for length in 0..<bytes.count {
      #expect(throws: VecError.self) { try decode(Array(bytes[..<length]), rows: 60, dimension: 3, .ip) }
    }
    for (rows, dimension) in [(59, 3), (61, 3), (60, 4), (5, 3)] {
      #expect(throws: VecError.self) { try decode(bytes, rows: rows, dimension: dimension, .ip) }
    }
    for bit in 0..<(bytes.count * 8) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      guard let lists = try? decode(damaged, rows: 60, dimension: 3, .ip) else { continue }
      #expect(lists.offsets.first == 0 && lists.offsets.last == 60 && lists.offsets == lists.offsets.sorted())
    }
  }

  @Test("a build that is told to stop stops, and parameters out of range are refused")
  func stopping() throws {
    let given = IndexContract.random(.gaussian, metric: .l2, type: .f32, dimension: 8, count: 500, k: 5, seed: Seed(93))
    let source = StoredPlanes(given)
    defer { withExtendedLifetime(source) {} }
    func build(_ parameters: IVFParameters, _ shouldStop: () -> Bool) -> VecErrorCode? {
      do throws(VecError) {
        _ = try IVFBuilder(kernels: Kernels(), metric: .l2).build(
          source.planes[0], parameters, team: .single, progress: { _ in }, shouldStop: shouldStop)
        return nil
      } catch { return error.code }
    }
    #expect(build(IVFParameters()) { true } == .deadlineExceeded)
    var shares: [Float] = []
    _ = try IVFBuilder(kernels: Kernels(), metric: .l2).build(
      source.planes[0], IVFParameters(), team: .single, progress: { shares.append($0) }, shouldStop: { false })
    #expect(shares == shares.sorted() && shares.last == 1)
    for wrong in [
      IVFParameters(listCount: 0), IVFParameters(listCount: 65_537), IVFParameters(iterations: 101),
      IVFParameters(sampleRowsPerList: 0),
    ] { #expect(build(wrong) { false } == .invalidArgument) }
  }
}
