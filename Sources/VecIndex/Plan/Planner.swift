package import VecCore

/// Turns what a request wants into the cheapest index and parameters that the calibrations of all segments promise it of.
/// Flat is always there and always reaches its target, so a request is never answered worse than it asked.
///
/// All segments are searched by one index. Segments without any (rows that came after the build) are scanned beside it.
/// Each segment is asked for its own k best, as well as the target says; the best k of all of these are the answer. A
/// segment's share of the true answer are the first of its own k best, which are found at least as surely as the rest.
package struct Planner: Sendable {
  /// What is known of one segment.
  package struct Part: Sendable {
    let calibration: Calibration?
    /// Besides flat.
    let available: IndexTypes
    let rowCount: Int
    /// Of the rows, those that may be returned. Among the best k / share of all rows are about k of these, so that many
    /// are asked for.
    let liveShare: Double
    /// Rows that this search may not return. They may all be among the best, so that many more are asked for.
    let excludedCount: Int
    /// The rows that may not be returned are those of a filter: of what lies deeper than was measured nothing is assumed.
    let isFiltered: Bool

    package init(
      calibration: Calibration?, available: IndexTypes, rowCount: Int, liveShare: Double = 1, excludedCount: Int = 0,
      isFiltered: Bool = false
    ) {
      self.calibration = calibration
      self.available = available
      self.rowCount = rowCount
      self.liveShare = liveShare
      self.excludedCount = excludedCount
      self.isFiltered = isFiltered
    }
  }

  private let parts: [Part]
  private let stride: Int
  private let dimension: Int
  private let costs: CostModel
  /// Indexes that every segment has which has any.
  private let available: IndexTypes

  /// - Parameters:
  ///   - parts: in the order of the segments.
  ///   - stride: bytes of a row's code.
  package init(parts: [Part], stride: Int, dimension: Int, costs: CostModel) {
    self.parts = parts
    self.costs = costs
    self.stride = stride
    self.dimension = dimension
    let indexed = parts.lazy.map(\.available).filter { !$0.isEmpty }
    available = indexed.isEmpty ? [] : indexed.reduce([.ivf, .hnsw]) { $0.intersection($1) }
  }

  /// - Parameters:
  ///   - index: nil leaves it to the planner.
  ///   - queryCount: queries of the request times their interests.
  ///   - interests: vectors per query.
  /// - Throws: `not-available` for an index or parameter that the generation does not have, `invalid-argument`.
  package func plan(
    _ effort: SearchEffort, index: IndexType?, k: Int, queryCount: Int, interests: Int = 1
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
      return reaching(target, index, k, queryCount, interests)
    case .standard:
      let target = parts.compactMap { $0.calibration?.targetRecall }.max() ?? 1
      return reaching(target, index, k, queryCount, interests)
    }
  }

  private func fixed(
    _ type: IndexType, _ value: UInt32, _ name: String, _ index: IndexType?, _ k: Int
  ) throws(VecError) -> SearchPlan {
    guard available.contains(type) else { throw missing(type, name) }
    guard index == nil || index == type else {
      throw VecError(.invalidArgument, "\(name) is a parameter of \(type.name), not of \(index?.name ?? "")")
    }
    let recalls = indexed(type).map { part in
      part.curves(type, k).compactMap { $0.point(at: value)?.recall }.min() ?? 0
    }
    return SearchPlan(
      index: type, parameters: parts.map { $0.available.isEmpty ? 0 : value }, expectedRecall: recalls.min() ?? 0)
  }

  /// A scan that costs up to so many times what the cheapest does is taken instead: costs are not known better, and it
  /// misses nothing.
  private static let exactFor = 1.2

  /// The cheapest of what reaches the target. An index that was named is used even if flat were cheaper; if it cannot
  /// reach the target, its best setting is used, and the expected recall says so.
  private func reaching(
    _ target: Float, _ index: IndexType?, _ k: Int, _ queryCount: Int, _ interests: Int
  ) -> SearchPlan {
    var best = SearchPlan.exact
    let scan = parts.reduce(0) { $0 + scanCost($1, k, queryCount) }
    var least = index == nil || index == .flat ? scan / Self.exactFor : .infinity
    for type in [IndexType.ivf, .hnsw] where available.contains(type) && (index == nil || index == type) {
      let aim = Self.aim(target, type, interests)
      guard let (plan, cost) = plan(type, reaching: aim, k, queryCount), cost < least else { continue }
      (best, least) = (plan, cost)
    }
    // Who asks for all gets what is sure.
    if best.index == .ivf, target < 1 { best.certainty = .likely }
    guard let index, index != .flat, best.index == .flat else { return best }
    let parameters = parts.map { part -> UInt32 in
      guard !part.available.isEmpty else { return 0 }
      let curves = part.curves(index, k)
      return curves.compactMap { $0.points.last?.parameter }.max() ?? UInt32(clamping: part.rowCount)
    }
    let recalls = indexed(index).map { part in part.curves(index, k).compactMap { $0.points.last?.recall }.min() ?? 0 }
    return SearchPlan(index: index, parameters: parameters, expectedRecall: recalls.min() ?? 0)
  }

  /// Calibration asks single vectors. Lists find as much for several interests as for one; a walk that serves several
  /// misses more, so it is asked for a third of the misses (docs/decisions/0006-planner.md).
  private static func aim(_ target: Float, _ type: IndexType, _ interests: Int) -> Float {
    type == .hnsw && interests > 1 ? 1 - (1 - target) / 3 : target
  }

  /// Parameters of one index for all segments, and what they cost; nil when a segment is not sure of the target.
  private func plan(
    _ type: IndexType, reaching target: Float, _ k: Int, _ queryCount: Int
  ) -> (plan: SearchPlan, cost: Double)? {
    var plan = SearchPlan(index: type, parameters: [], expectedRecall: 1)
    var margins: [Float?] = []
    var cost = 0.0
    for part in parts {
      guard !part.available.isEmpty else {
        plan.parameters.append(0)
        margins.append(nil)
        cost += scanCost(part, k, queryCount)
        continue
      }
      guard let setting = part.setting(of: type, reaching: target, k) else { return nil }
      plan.parameters.append(UInt32(clamping: Int(setting.parameter.rounded(.up))))
      margins.append(setting.margin)
      plan.expectedRecall = min(plan.expectedRecall, setting.recall)
      cost += costs.nanoseconds(
        setting.work, of: type, stride: stride, dimension: dimension, queryCount: queryCount)
    }
    if margins.contains(where: { $0 != nil }) { plan.margins = margins }
    return (plan, cost)
  }

  /// What rows outside of the index cost searches: the cost of the generation's own target now, over the cost if the
  /// index held these rows too and grew with them. 1 for none, or without an index.
  package func unindexedLoss(k: Int) -> Double {
    let target = parts.compactMap { $0.calibration?.targetRecall }.max() ?? 1
    let outside = parts.filter(\.available.isEmpty)
    let scanned = outside.reduce(0) { $0 + scanCost($1, k, 1) }
    let costs = available.types.compactMap { type -> Double? in
      plan(type, reaching: target, k, 1).map { $0.cost - scanned }
    }
    guard let indexed = costs.min(), indexed > 0 else { return 1 }
    let rows = outside.reduce(0) { $0 + $1.rowCount }
    let held = parts.reduce(0) { $0 + $1.rowCount } - rows
    return (indexed + scanned) / (indexed * (1 + Double(rows) / Double(max(1, held))))
  }

  private func indexed(_ type: IndexType) -> [Part] { parts.filter { $0.available.contains(type) } }

  private func scanCost(_ part: Part, _ k: Int, _ queryCount: Int) -> Double {
    let settled = Double(min(k, part.rowCount)) / Double(parts.count)
    let rows = Double(part.rowCount)
    // Of rows that may be returned a few are fetched one by one, many are met on the way.
    return [SearchWork(scanned: rows, settled: settled), SearchWork(visited: rows * part.liveShare, settled: settled)].map {
      costs.nanoseconds($0, of: .flat, stride: stride, dimension: dimension, queryCount: queryCount)
    }.min() ?? 0
  }

  private func missing(_ type: IndexType, _ what: String) -> VecError {
    let known = (["flat"] + available.types.map(\.name)).joined(separator: ", ")
    return VecError(
      .notAvailable, "\(what) needs a generation built with \(type.name), this one has \(known): use recall or exact")
  }
}
