package import VecCore

/// How deep into the order of all rows a search of one segment must look, and what it takes to look so deep.
extension Planner.Part {
  /// The least setting that surely reaches a recall, of lists by margin or by count; nil when none does, or nothing is known
  /// of this k.
  package func setting(of type: IndexType, reaching target: Float, _ k: Int) -> Calibration.Setting? {
    let counted = setting(of: type, reaching: target, k, byMargin: false)
    guard let within = setting(of: type, reaching: target, k, byMargin: true) else { return counted }
    guard let counted else { return within }
    return within.work.read < Self.worthwhile * counted.work.read ? within : counted
  }

  /// A margin must spare so many of the rows. It spares those of lists that many queries look at, which are in the cache.
  private static let worthwhile = 0.85

  private func setting(
    of type: IndexType, reaching target: Float, _ k: Int, byMargin: Bool
  ) -> Calibration.Setting? {
    guard let calibration else { return nil }
    let aim = aim(target, k)
    var most: Calibration.Setting?
    // A margin reaches furthest for the least k.
    for depth in (byMargin ? [Double(k)] : []) + depths(type, k) {
      guard var setting = calibration.setting(of: type, reaching: aim, at: depth, byMargin: byMargin) else { return nil }
      // However deep it looks, rows that do not pass are not settled; and a walk counts only those that may be returned.
      setting.work.settled *= min(1, Double(k + excludedCount) / max(1, depth))
      setting.work.visited /= max(liveShare, 0.01)
      if isFiltered { setting.work.listed *= Self.filteredLists }
      most = most?.and(setting) ?? setting
    }
    guard let most else { return nil }
    var longer = most * beyondMeasured(type, k)
    if isFiltered { longer.work.settled = most.work.settled }
    return longer
  }

  /// What is excluded may be the best, and then the results are the deeper part of what is looked through, where more is missed.
  /// Where the misses grow with the rank, the last k of k + e ranks have 1 + e / (k + e) times their share of them.
  private func aim(_ target: Float, _ k: Int) -> Float {
    1 - (1 - target) / (1 + Float(excludedCount) / Float(k + excludedCount))
  }

  /// The curves that speak for a k: its own, or the two around it. Beyond the greatest k measured nothing is known.
  func curves(_ type: IndexType, _ k: Int) -> [Calibration.Curve] {
    calibration?.curves(type, around: deepest(type, k)) ?? []
  }

  /// A list counts by what of it passes, so more of them are looked into: so many times as many where a filter is independent of
  /// the vectors, as measured.
  private static let filteredLists = 1.3

  /// A few rows that do not pass are within what a curve scatters.
  private static let depthTolerance = 1.02

  /// The depths that a setting must serve. What is excluded may lie at any depth from k on, and the deepest need not be the
  /// one that asks for most. How deep the rows lie that pass a filter is a guess, so for them it is the next that was measured.
  private func depths(_ type: IndexType, _ k: Int) -> [Double] {
    let deepest = deepest(type, k)
    if isFiltered, deepest > Self.depthTolerance * Double(k) { return calibration?.ks(type, around: deepest) ?? [] }
    guard excludedCount > 0, Double(k) < deepest else { return [deepest] }
    let between = (calibration?.ks(type) ?? []).map(Double.init).filter { $0 > Double(k) && $0 < deepest }
    return [Double(k)] + between + [deepest]
  }

  /// Deeper than was measured nobody knows; a k that was measured is answered from what is known of it.
  private func deepest(_ type: IndexType, _ k: Int) -> Double {
    let wanted = Double(k + excludedCount) / max(liveShare, 0.01)
    let known = max(k, calibration?.greatestK(type) ?? k)
    return min(wanted, Double(known), Double(rowCount))
  }

  /// How much deeper than any measured k a search must look because of what it excludes or filters out. Lists and walks are
  /// made longer by as much, which is more than it takes: what a k needs grows slower than the k.
  private func beyondMeasured(_ type: IndexType, _ k: Int) -> Double {
    // A k of all rows says nothing: whatever the setting, a search goes on until it has k.
    guard excludedCount > 0 || isFiltered, let last = calibration?.greatestK(type, below: rowCount) else { return 1 }
    let depth = isFiltered ? Double(k + excludedCount) / max(liveShare, 1e-6) : Double(k + excludedCount)
    return max(1, min(depth, Double(rowCount)) / Double(max(k, last)))
  }
}
