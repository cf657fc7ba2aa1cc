package import VecCore

/// How one request is answered.
package struct SearchPlan: Sendable, Equatable {
  package var index: IndexType
  /// nprobe of ivf, ef of hnsw, 0 for flat.
  package var parameter: UInt32
  /// Share of the true top k; 1 for flat, 0 when nothing is known.
  package var expectedRecall: Float

  package init(index: IndexType, parameter: UInt32, expectedRecall: Float) {
    self.index = index
    self.parameter = parameter
    self.expectedRecall = expectedRecall
  }

  package static let exact = SearchPlan(index: .flat, parameter: 0, expectedRecall: 1)
}

/// Turns what a request wants into the cheapest index and parameter that the calibration promises it of. Flat is always
/// there and always reaches its target, so a request is never answered worse than it asked.
package struct Planner: Sendable {
  private let calibration: Calibration?
  /// Besides flat.
  private let available: Set<IndexType>
  private let rowCount: Int
  private let stride: Int
  private let dimension: Int

  /// - Parameters:
  ///   - available: indexes that the generation has besides flat.
  ///   - stride: bytes of a row's code.
  package init(
    calibration: Calibration?, available: Set<IndexType>, rowCount: Int, stride: Int, dimension: Int
  ) {
    self.calibration = calibration
    self.available = available
    self.rowCount = rowCount
    self.stride = stride
    self.dimension = dimension
  }

  /// - Parameters:
  ///   - index: nil leaves it to the planner.
  ///   - queryCount: queries of the request times their interests.
  /// - Throws: `not-available` for an index or parameter that the generation does not have, `invalid-argument`.
  package func plan(
    _ effort: SearchEffort, index: IndexType?, k: Int, queryCount: Int
  ) throws(VecError) -> SearchPlan {
    if let index, index != .flat, !available.contains(index) { throw missing(index, "index \(index.name)") }
    switch effort {
    case .exact:
      guard index == nil || index == .flat else {
        throw VecError(.invalidArgument, "exact is flat's: leave index \(index?.name ?? "") out, or give a recall")
      }
      return .exact
    case .ef(let ef): return try fixed(.hnsw, ef, "ef", index, k)
    case .nprobe(let nprobe): return try fixed(.ivf, nprobe, "nprobe", index, k)
    case .recall(let target):
      guard target > 0, target <= 1 else {
        throw VecError(.invalidArgument, "recall target \(target): must be above 0 and at most 1")
      }
      return reaching(target, index, k, queryCount)
    case .standard: return reaching(calibration?.targetRecall ?? 1, index, k, queryCount)
    }
  }

  private func fixed(
    _ type: IndexType, _ value: UInt32, _ name: String, _ index: IndexType?, _ k: Int
  ) throws(VecError) -> SearchPlan {
    guard available.contains(type) else { throw missing(type, name) }
    guard index == nil || index == type else {
      throw VecError(.invalidArgument, "\(name) is a parameter of \(type.name), not of \(index?.name ?? "")")
    }
    let recalls = neighbours(type, k).compactMap { $0.point(at: value)?.recall }
    return SearchPlan(index: type, parameter: value, expectedRecall: recalls.min() ?? 0)
  }

  /// The cheapest of what reaches the target. An index that was named is used even if flat were cheaper; if it cannot
  /// reach the target, its best setting is used, and the expected recall says so.
  private func reaching(_ target: Float, _ index: IndexType?, _ k: Int, _ queryCount: Int) -> SearchPlan {
    var best = SearchPlan.exact
    var least = index == nil || index == .flat ? exactCost(k, queryCount) : .infinity
    for type in [IndexType.ivf, .hnsw] where available.contains(type) && (index == nil || index == type) {
      guard let (plan, work) = setting(of: type, reaching: target, k) else { continue }
      let cost = CostModel.nanoseconds(work, stride: stride, dimension: dimension, queryCount: queryCount)
      if cost < least { (best, least) = (plan, cost) }
    }
    guard let index, index != .flat, best.index == .flat else { return best }
    let curves = neighbours(index, k)
    let parameter = curves.compactMap { $0.points.last?.parameter }.max() ?? UInt32(clamping: rowCount)
    return SearchPlan(
      index: index, parameter: parameter, expectedRecall: curves.compactMap { $0.points.last?.recall }.min() ?? 0)
  }

  private func setting(of type: IndexType, reaching target: Float, _ k: Int) -> (SearchPlan, SearchWork)? {
    let curves = neighbours(type, k)
    let points = curves.compactMap { $0.point(reaching: target) }
    guard !curves.isEmpty, points.count == curves.count, let most = points.max(by: { $0.parameter < $1.parameter })
    else { return nil }
    let recall = curves.compactMap { $0.point(at: most.parameter)?.recall }.min() ?? 0
    return (SearchPlan(index: type, parameter: most.parameter, expectedRecall: recall), most.work)
  }

  /// The curves that speak for a k: its own, or the two around it. Beyond the greatest k measured nothing is known.
  private func neighbours(_ type: IndexType, _ k: Int) -> [Calibration.Curve] {
    guard let calibration else { return [] }
    let reachable = min(k, rowCount)
    let ks = calibration.ks(type)
    guard let above = ks.first(where: { $0 >= reachable }) else { return [] }
    let below = ks.last { $0 < reachable }
    return (above == reachable ? [above] : [below, above].compactMap { $0 }).compactMap {
      calibration.curve(type, k: $0)
    }
  }

  private func exactCost(_ k: Int, _ queryCount: Int) -> Double {
    let work = SearchWork(scanned: Double(rowCount), settled: Double(min(k, rowCount)))
    return CostModel.nanoseconds(work, stride: stride, dimension: dimension, queryCount: queryCount)
  }

  private func missing(_ type: IndexType, _ what: String) -> VecError {
    let known = (["flat"] + [IndexType.ivf, .hnsw].filter { available.contains($0) }.map(\.name)).joined(separator: ", ")
    return VecError(
      .notAvailable, "\(what) needs a generation built with \(type.name), this one has \(known): use recall or exact")
  }
}
