import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("The planner")
struct PlannerTests {
  typealias Point = Calibration.Point

  /// The same on every machine.
  static let costs = CostModel(.avx512VNNI)

  static func points(_ settings: [(UInt32, Float)], _ work: (UInt32) -> SearchWork) -> [Point] {
    settings.map { Point(parameter: $0, recall: $1, surely: $1 - 0.005, work: work($0)) }
  }

  /// ivf is cheap and reaches everything; hnsw is cheaper at k = 10 and stops short of 0.99.
  static let calibration = Calibration(
    targetRecall: 0.95, queryCount: 200, isOfSample: true,
    curves: [
      .init(index: .ivf, k: 10, points: points([(1, 0.6), (8, 0.96), (64, 1)]) { SearchWork(listed: 500 * Double($0)) }),
      .init(index: .ivf, k: 100, points: points([(1, 0.4), (16, 0.96), (64, 1)]) { SearchWork(listed: 500 * Double($0)) }),
      .init(index: .hnsw, k: 10, points: points([(10, 0.9), (40, 0.97)]) { SearchWork(visited: 2 * Double($0)) }),
      .init(index: .hnsw, k: 100, points: points([(100, 0.7), (400, 0.8)]) { SearchWork(visited: 2 * Double($0)) }),
    ])

  static func planner(rows: Int = 1_000_000, available: IndexTypes = [.ivf, .hnsw]) -> Planner {
    Planner(
      parts: [.init(calibration: calibration, available: available, rowCount: rows)], stride: 64, dimension: 64,
      costs: costs)
  }

  @Test("a target is reached by the cheapest index that surely reaches it")
  func cheapest() throws {
    let planner = Self.planner()
    let small = try planner.plan(.recall(0.95), index: nil, k: 10, queryCount: 1)
    #expect(small == SearchPlan(index: .hnsw, parameter: 40, expectedRecall: 0.97))
    let large = try planner.plan(.recall(0.95), index: nil, k: 100, queryCount: 1)
    #expect(large == SearchPlan(index: .ivf, parameter: 16, expectedRecall: 0.96).likely)
    let high = try planner.plan(.recall(0.99), index: nil, k: 10, queryCount: 1)
    #expect(high == SearchPlan(index: .ivf, parameter: 64, expectedRecall: 1).likely)
  }

  @Test(
    "more work costs more, batches cost less, and indexes less than a scan, with the weights of every tier",
    arguments: CodeTier.allCases)
  func costs(tier: CodeTier) throws {
    let costs = CostModel(tier)
    func cost(_ work: SearchWork, _ index: IndexType, queryCount: Int = 1) -> Double {
      costs.nanoseconds(work, of: index, stride: 64, dimension: 64, queryCount: queryCount)
    }
    for settled in [0.0, 10, 1_000] {
      let scan = cost(SearchWork(scanned: 200_000, settled: settled), .flat)
      #expect(scan.isFinite && scan > cost(SearchWork(scanned: 100_000, settled: settled), .flat))
      #expect(scan > cost(SearchWork(scanned: 200_000, settled: settled), .flat, queryCount: 256), "rows are read once for all")
      let lists = SearchWork(scanned: 1_800, listed: 20_000, settled: settled)
      #expect(cost(lists, .ivf) > cost(lists, .ivf, queryCount: 256))
      #expect(cost(lists, .ivf) < scan)
      #expect(cost(SearchWork(visited: 2_000, settled: settled), .hnsw) < scan)
      // Few rows that pass are fetched one by one, many are met on the way.
      #expect(cost(SearchWork(visited: 200, settled: settled), .flat) < scan)
      #expect(cost(SearchWork(visited: 200_000, settled: settled), .flat) > scan)
    }
  }

  @Test("a scan that costs hardly more than the cheapest index is taken, one that costs clearly more is not")
  func scanForHardlyMore() throws {
    // The lists that reach 0.95 at k = 10.
    let lists = Self.costs.nanoseconds(SearchWork(listed: 4_000), of: .ivf, stride: 64, dimension: 64, queryCount: 1)
    var chosen: Set<IndexType> = []
    for rows in stride(from: 1_000, through: 40_000, by: 500) {
      let scan = Self.costs.nanoseconds(
        SearchWork(scanned: Double(rows), settled: 10), of: .flat, stride: 64, dimension: 64, queryCount: 1)
      let plan = try Self.planner(rows: rows, available: [.ivf]).plan(.recall(0.95), index: nil, k: 10, queryCount: 1)
      if scan < lists * 1.15 { #expect(plan == .exact, "\(rows) rows") }
      if scan > lists * 1.25 { #expect(plan.index == .ivf, "\(rows) rows") }
      if lists < scan, scan < lists * 1.15 { chosen.insert(plan.index) }
      // Who names the index gets it.
      let named = try Self.planner(rows: rows, available: [.ivf]).plan(.recall(0.95), index: .ivf, k: 10, queryCount: 1)
      #expect(named.index == .ivf)
    }
    #expect(chosen == [.flat], "no number of rows lay between")
  }

  @Test("no target means that of the build")
  func standard() throws {
    let planner = Self.planner()
    let plan = try planner.plan(.standard, index: nil, k: 100, queryCount: 1)
    #expect(try plan == planner.plan(.recall(0.95), index: nil, k: 100, queryCount: 1))
  }

  @Test("flat answers where it is cheaper, where exactness is asked, and where nothing else is sure")
  func flat() throws {
    #expect(try Self.planner(rows: 100).plan(.recall(0.99), index: nil, k: 10, queryCount: 1) == .exact)
    #expect(try Self.planner().plan(.exact, index: nil, k: 10, queryCount: 1) == .exact)
    #expect(try Self.planner().plan(.recall(1), index: nil, k: 10, queryCount: 1) == .exact)
    #expect(try Self.planner().plan(.recall(0.5), index: nil, k: 1000, queryCount: 1) == .exact, "beyond what was measured")
    let bare = Planner(
      parts: [.init(calibration: nil, available: [], rowCount: 9)], stride: 64, dimension: 64, costs: Self.costs)
    #expect(try bare.plan(.standard, index: nil, k: 5, queryCount: 1) == .exact)
  }

  @Test("a k between two measured ones takes a setting between theirs, never below the straight line")
  func between() throws {
    let planner = Self.planner(available: [.ivf])
    let plan = try planner.plan(.recall(0.95), index: nil, k: 40, queryCount: 1)
    #expect(plan == SearchPlan(index: .ivf, parameter: 13, expectedRecall: 0.96).likely, "8 x (16 / 8) ^ log10(40 / 10)")
    var last: UInt32 = 0
    for k in 1...100 {
      let parameter = try planner.plan(.recall(0.95), index: nil, k: k, queryCount: 1).parameter
      #expect(parameter >= last && Double(parameter) >= 8 + 8 * Double(k - 10) / 90, "k = \(k)")
      last = parameter
    }
    #expect(last == 16)
  }

  @Test("a few excluded ids ask for hardly more; many for what any depth between may need")
  func excluded() throws {
    func parameter(
      k: Int, excluding count: Int, _ calibration: Calibration = Self.calibration, target: Float = 0.9
    ) throws -> UInt32 {
      let part = Planner.Part(
        calibration: calibration, available: [.ivf], rowCount: 1_000_000, excludedCount: count)
      return try Planner(parts: [part], stride: 64, dimension: 64, costs: Self.costs)
        .plan(.recall(target), index: .ivf, k: k, queryCount: 1).parameter
    }
    #expect(try parameter(k: 10, excluding: 1) == 9)
    #expect(try parameter(k: 10, excluding: 90) == 16)
    #expect(try parameter(k: 100, excluding: 100) == 32, "twice as deep as was measured")
    // Nine of ten may be excluded, and of the last ten of a hundred ranks more is missed than of all.
    #expect(try parameter(k: 10, excluding: 90, target: 0.95) == 64)
    var steep = Self.calibration
    steep.curves.append(
      .init(index: .ivf, k: 500, points: Self.points([(4, 0.96)]) { SearchWork(listed: 500 * Double($0)) }))
    #expect(try parameter(k: 10, excluding: 400, steep) == 16, "what k = 100 asks for, though 500 asks for less")
  }

  @Test("under a filter lists are not charged for the results of the deeper search whose setting they take")
  func filteredWork() throws {
    func calibration(k: Int, settled: Double) -> [Calibration.Curve] {
      [
        .init(index: .ivf, k: k, points: Self.points([(64, 1)]) { _ in SearchWork(listed: 20_000, settled: settled) }),
        .init(index: .hnsw, k: k, points: Self.points([(500, 1)]) { _ in SearchWork(visited: 5_000, settled: settled) }),
      ]
    }
    let curves = (calibration(k: 100, settled: 100) + calibration(k: 500, settled: 500))
      .sorted { $0.index.rawValue < $1.index.rawValue }
    let measured = Calibration(targetRecall: 0.95, queryCount: 200, isOfSample: true, curves: curves)
    let part = Planner.Part(
      calibration: measured, available: [.ivf, .hnsw], rowCount: 1_000_000, liveShare: 0.5, isFiltered: true)
    let planner = Planner(parts: [part], stride: 64, dimension: 64, costs: CostModel(.avx2))
    #expect(try planner.plan(.recall(0.95), index: nil, k: 100, queryCount: 1).index == .ivf)
  }

  @Test("a named index is used, and one that misses the target says what it reaches")
  func named() throws {
    let plan = try Self.planner().plan(.recall(0.95), index: .hnsw, k: 100, queryCount: 1)
    #expect(plan == SearchPlan(index: .hnsw, parameter: 400, expectedRecall: 0.8))
    #expect(try Self.planner(rows: 100).plan(.recall(0.9), index: .ivf, k: 10, queryCount: 1).index == .ivf)
  }

  @Test("explicit parameters are taken as they are, with the recall measured for them")
  func explicit() throws {
    let planner = Self.planner()
    let ef = try planner.plan(.ef(50), index: nil, k: 10, queryCount: 1)
    #expect(ef == SearchPlan(index: .hnsw, parameter: 50, expectedRecall: 0.97))
    let nprobe = try planner.plan(.nprobe(8), index: nil, k: 10, queryCount: 1)
    #expect(nprobe == SearchPlan(index: .ivf, parameter: 8, expectedRecall: 0.96))
  }

  @Test("what the generation does not have is not available, and what contradicts itself is invalid")
  func refused() {
    func code(_ effort: SearchEffort, _ index: IndexType?, _ available: IndexTypes) -> VecErrorCode? {
      do throws(VecError) {
        _ = try Self.planner(available: available).plan(effort, index: index, k: 10, queryCount: 1)
        return nil
      } catch { return error.code }
    }
    #expect(code(.ef(10), nil, [.ivf]) == .notAvailable)
    #expect(code(.nprobe(10), nil, [.hnsw]) == .notAvailable)
    #expect(code(.standard, .hnsw, [.ivf]) == .notAvailable)
    #expect(code(.ef(10), .ivf, [.ivf, .hnsw]) == .invalidArgument)
    #expect(code(.exact, .hnsw, [.hnsw]) == .invalidArgument)
  }
}

@Suite("A calibration")
struct CalibrationTests {
  @Test("comes back from its bytes as it was, and any damage is an error or another sound value, never a trap")
  func codec() throws {
    let bytes = PlannerTests.calibration.encoded()
    let back = try bytes.withUnsafeBytes { (raw) throws -> Calibration in try Calibration(decoding: raw) }
    #expect(back.curves.map(\.k) == PlannerTests.calibration.curves.map(\.k))
    #expect(back == PlannerTests.calibration)
    for length in 0..<bytes.count {
      #expect(throws: VecError.self) {
        try bytes[..<length].withUnsafeBytes { (raw) throws in _ = try Calibration(decoding: raw) }
      }
    }
    var sound = 0
    for bit in 0..<(bytes.count * 8) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      let result = damaged.withUnsafeBytes { raw in try? Calibration(decoding: raw) }
      if result != nil { sound += 1 }
    }
    #expect(sound < bytes.count * 8)
  }

  @Test("is measured against the truth: recall, its error, and no setting beyond the first that finds all")
  func measure() throws {
    let truth = (0..<50).map { query in (0..<20).map { Hit(id: UInt64(query * 100 + $0), score: 0, interest: 0) } }
    let calibrator = Calibrator(truth: truth, targets: [])
    // Setting p finds the first p of every answer.
    let curves = try calibrator.curves(of: .ivf, greatest: 64, step: {}) { (k, parameter) throws(VecError) in
      (truth.map { Array($0.prefix(min(k, Int(parameter)))) }, SearchWork(scanned: Double(parameter)))
    }
    #expect(curves.map(\.k) == [10, 20])
    let first = try #require(curves.first)
    #expect(first.points.first?.recall == 0.1)
    #expect(first.points.last?.recall == 1)
    #expect(first.points.filter { $0.recall == 1 }.count == 1)
    #expect(first.points.allSatisfy { $0.surely < $0.recall && $0.work.scanned == Double($0.parameter) })
    #expect(first.point(reaching: 0.5).map { $0.recall >= 0.5 } == true)
  }

  @Test("is measured more finely where a target is reached, and only there")
  func refined() throws {
    let truth = (0..<50).map { query in (0..<1_000).map { Hit(id: UInt64(query * 10_000 + $0), score: 0, interest: 0) } }
    let calibrator = Calibrator(truth: truth, targets: [0.6, 0.61])
    var asked = 0
    let curves = try calibrator.curves(of: .ivf, ks: [1_000], greatest: 2_000, step: {}) { (k, parameter) throws(VecError) in
      asked += 1
      return (truth.map { Array($0.prefix(min(k, Int(parameter)))) }, SearchWork(scanned: Double(parameter)))
    }
    let points = try #require(curves.first).points
    #expect(asked == points.count && points.map(\.parameter) == points.map(\.parameter).sorted())
    let coarse = Calibrator.grid(from: 1, to: 2_000)
    let more = points.filter { !coarse.contains($0.parameter) }
    #expect(more.count == 4 && more.allSatisfy { $0.recall > 0.45 && $0.recall < 0.75 })
    let reached = try #require(curves.first?.point(reaching: 0.6))
    #expect(reached.recall >= 0.6 && reached.recall < 0.64, "at most a sixteenth too much")
  }

  @Test("with margins comes back from its bytes as it was, and damage is no trap; without, its bytes are those of version 1")
  func marginCodec() throws {
    var with = PlannerTests.calibration
    with.marginCurves = PlannerTests.marginCurves
    #expect(PlannerTests.calibration.encoded()[4] == 1)
    let bytes = with.encoded()
    #expect(bytes[4] == 2)
    func decode(_ bytes: [UInt8]) throws -> Calibration {
      try bytes.withUnsafeBytes { (raw) throws -> Calibration in try Calibration(decoding: raw) }
    }
    #expect(try decode(bytes) == with)
    for length in 0..<bytes.count { #expect(throws: VecError.self) { try decode(Array(bytes[..<length])) } }
    for bit in 0..<(bytes.count * 8) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      if let sound = try? decode(damaged) {
        #expect(sound.marginCurves.allSatisfy { $0.points.allSatisfy { $0.margin?.isFinite == true } })
      }
    }
    with.marginCurves[0].points[1].margin = 0.5
    #expect(throws: VecError.self) { try decode(with.encoded()) }
  }

  @Test("steps of its settings ascend, begin and end where they should, and none is more than a quarter")
  func grid() {
    for (first, last) in [(1, 1), (1, 2), (1, 1000), (10, 4096), (500, 100)] as [(UInt32, UInt32)] {
      let grid = Calibrator.grid(from: first, to: last)
      #expect(grid.last == last)
      #expect(first >= last || grid.first == first)
      for (left, right) in zip(grid, grid.dropFirst()) { #expect(left < right && right <= left + max(1, left / 4)) }
    }
  }
}

extension PlannerTests {
  /// Of the same searches as `calibration`, with a fifth of the lists at k = 10 and hardly fewer at k = 100.
  static let marginCurves: [Calibration.Curve] = [
    .init(
      index: .ivf, k: 10,
      points: [
        Point(parameter: 1, recall: 0.9, surely: 0.89, work: SearchWork(listed: 600), margin: -0.1),
        Point(parameter: 2, recall: 0.97, surely: 0.96, work: SearchWork(listed: 1_000), margin: -0.2),
      ]),
    .init(
      index: .ivf, k: 100,
      points: [Point(parameter: 15, recall: 0.96, surely: 0.955, work: SearchWork(listed: 7_500), margin: -0.12)]),
  ]

  static let withMargins: Calibration = {
    var with = calibration
    with.marginCurves = marginCurves
    return with
  }()

  static func planned(_ calibration: Calibration, _ effort: SearchEffort, k: Int, liveShare: Double = 1) throws -> SearchPlan {
    try Planner(
      parts: [.init(calibration: calibration, available: [.ivf, .hnsw], rowCount: 1_000_000, liveShare: liveShare)],
      stride: 64, dimension: 64, costs: costs
    ).plan(effort, index: .ivf, k: k, queryCount: 1)
  }

  @Test("lists are chosen by a margin where that spares rows, and counted where it does not or where their number is given")
  func byMargin() throws {
    let with = Self.withMargins
    #expect(
      try Self.planned(with, .recall(0.95), k: 10)
        == SearchPlan(index: .ivf, parameter: 2, margin: -0.2, expectedRecall: 0.97).likely)
    #expect(try Self.planned(with, .recall(0.95), k: 100) == SearchPlan(index: .ivf, parameter: 16, expectedRecall: 0.96).likely)
    #expect(try Self.planned(with, .recall(0.99), k: 10) == SearchPlan(index: .ivf, parameter: 64, expectedRecall: 1).likely)
    #expect(try Self.planned(with, .nprobe(8), k: 10) == SearchPlan(index: .ivf, parameter: 8, expectedRecall: 0.96))
    #expect(try Self.planned(Self.calibration, .recall(0.95), k: 10).margins == [])
  }

  @Test("between two measured k the margin lies between theirs, and where a k was not measured by margin lists are counted")
  func marginBetween() throws {
    let plan = try Self.planned(Self.withMargins, .recall(0.95), k: 40)
    let margin = try #require(plan.margins.first ?? nil)
    #expect(abs(margin - (-0.2 + 0.08 * 30 / 90)) < 1e-5 && plan.parameter > 2 && plan.parameter < 15)
    let half = try Self.planned(Self.withMargins, .recall(0.95), k: 20, liveShare: 0.5)
    let reached = try #require(half.margins.first ?? nil)
    #expect(half.parameter == plan.parameter, "the best 20 of a half are among the best 40 of all")
    #expect(abs(reached - (-0.2 + 0.08 * 10 / 90)) < 1e-5, "and the margin is that of 20, which reaches further")
    var partly = Self.withMargins
    partly.marginCurves.removeLast()
    #expect(try Self.planned(partly, .recall(0.95), k: 40).margins == [])
    #expect(try Self.planned(partly, .recall(0.95), k: 10).margins == [-0.2])
  }

  @Test("all segments are searched by one index, each by its own setting, and the least sure of them is what is promised")
  func manySegments() throws {
    var other = Self.calibration
    for index in other.curves.indices {
      for point in other.curves[index].points.indices {
        other.curves[index].points[point].recall -= 0.02
        other.curves[index].points[point].surely -= 0.02
      }
    }
    let planner = Planner(
      parts: [
        .init(calibration: Self.calibration, available: [.ivf, .hnsw], rowCount: 1_000_000),
        .init(calibration: other, available: [.ivf], rowCount: 1_000_000),
        .init(calibration: nil, available: [], rowCount: 500),
      ], stride: 64, dimension: 64, costs: Self.costs)
    let plan = try planner.plan(.recall(0.95), index: nil, k: 10, queryCount: 1)
    #expect(plan == SearchPlan(index: .ivf, parameters: [8, 64, 0], expectedRecall: 0.96).likely)
    #expect(plan.parameter == 64)
    let fixed = try planner.plan(.nprobe(8), index: nil, k: 10, queryCount: 1)
    #expect(fixed.parameters == [8, 8, 0] && fixed.index == .ivf)
    var refusal: VecErrorCode?
    do throws(VecError) { _ = try planner.plan(.ef(9), index: nil, k: 10, queryCount: 1) } catch { refusal = error.code }
    #expect(refusal == .notAvailable, "one of the segments has no graph")
    let sure = try planner.plan(.recall(0.985), index: nil, k: 10, queryCount: 1)
    #expect(sure == .exact, "a segment that cannot reach the target makes all of them flat")
  }

  @Test("a walk that serves several interests is asked for a third of the misses, lists are not")
  func interests() throws {
    let graph = Self.planner(available: [.hnsw])
    #expect(try graph.plan(.recall(0.89), index: .hnsw, k: 10, queryCount: 4).parameter == 10)
    #expect(try graph.plan(.recall(0.89), index: .hnsw, k: 10, queryCount: 4, interests: 4).parameter == 40)
    let lists = Self.planner(available: [.ivf])
    #expect(try lists.plan(.recall(0.95), index: nil, k: 10, queryCount: 4, interests: 4).parameter == 8)
  }

}

extension PlannerTests {
  @Test("bounds are likely where a recall below 1 is aimed at by lists, and proven everywhere else")
  func certainty() throws {
    func plan(_ effort: SearchEffort, _ index: IndexType? = nil, k: Int = 100) throws -> SearchPlan {
      try Self.planner().plan(effort, index: index, k: k, queryCount: 1)
    }
    for effort in [.recall(0.9), .recall(0.95), .standard] as [SearchEffort] {
      #expect(try plan(effort, .ivf).certainty == .likely)
    }
    #expect(try plan(.recall(1), .ivf).certainty == .proven)
    for other in try [plan(.exact), plan(.nprobe(8)), plan(.ef(50)), plan(.recall(0.9), .flat), plan(.recall(0.9), .hnsw)] {
      #expect(other.certainty == .proven, "\(other)")
    }
  }
}

extension SearchPlan {
  /// The same with likely bounds, as a recall asks for.
  fileprivate var likely: SearchPlan {
    var plan = self
    plan.certainty = .likely
    return plan
  }
}
