import Glibc
package import VecCore

extension Calibration {
  /// What an index has to be asked with to reach a recall at some depth.
  package struct Setting: Sendable, Equatable {
    /// nprobe of ivf, ef of hnsw; not whole where it was read between two measured ones.
    package var parameter: Double
    /// The least mean recall measured at the points that speak for the depth.
    package var recall: Float
    package var work: SearchWork
    /// Of lists that are chosen by a margin.
    package var margin: Float?

    init(parameter: Double, recall: Float, work: SearchWork, margin: Float? = nil) {
      self.parameter = parameter
      self.recall = recall
      self.work = work
      self.margin = margin
    }

    init(_ point: Point) {
      self.init(parameter: Double(point.parameter), recall: point.recall, work: point.work, margin: point.margin)
    }

    /// A setting that serves both, which are both of margins or both of none.
    func and(_ other: Setting) -> Setting {
      var more = parameter >= other.parameter ? self : other
      more.recall = min(recall, other.recall)
      more.margin = Self.lower(margin, other.margin)
      return more
    }

    private static func lower(_ one: Float?, _ other: Float?) -> Float? { one.flatMap { one in other.map { min(one, $0) } } }

    /// So many times as much work. A margin needs no other: the floor that it starts from lies as much deeper.
    static func * (setting: Setting, factor: Double) -> Setting {
      var more = setting
      more.parameter *= factor
      more.work = setting.work * factor
      return more
    }
  }

  /// The least setting that surely reaches a recall among the best `depth` rows; nil when none does, or beyond the greatest k
  /// that was measured.
  ///
  /// Between two measured k it is read from both. What a k asks for grows about as a power of the k, the power mostly below
  /// one; where it is above one, a straight line lies higher. The higher of the two is taken, so that neither is relied on.
  /// Margins grow slower and slower with k, so there the straight line lies lower, on the side of more lists.
  /// - Parameter byMargin: of ivf: lists are chosen by a margin and not counted; nil where none was measured.
  package func setting(
    of index: IndexType, reaching recall: Float, at depth: Double, byMargin: Bool = false
  ) -> Setting? {
    let curves = curves(index, around: depth, byMargin: byMargin)
    let needed = curves.map { $0.point(reaching: recall).map { Setting($0) } }
    guard let last = needed.last, let upper = last, let first = needed.first, let lower = first else { return nil }
    guard needed.count == 2, lower.parameter < upper.parameter else { return lower.and(upper) }
    let ks = curves.map { Double($0.k) }
    let line = (depth - ks[0]) / (ks[1] - ks[0])
    let power = lower.parameter * pow(upper.parameter / lower.parameter, log(depth / ks[0]) / log(ks[1] / ks[0]))
    let share = max(line, (power - lower.parameter) / (upper.parameter - lower.parameter))
    var between = lower.and(upper)
    between.parameter = lower.parameter + (upper.parameter - lower.parameter) * share
    between.work = lower.work * (1 - share) + upper.work * share
    if let least = lower.margin, let most = upper.margin { between.margin = min(most, least + (most - least) * Float(line)) }
    return between
  }

  /// The curves that speak for a depth: its own, the two around it, or that of the least k for what is less. None beyond the
  /// greatest k that was measured, or where one of them was not measured by margin.
  package func curves(_ index: IndexType, around depth: Double, byMargin: Bool = false) -> [Curve] {
    let ks = ks(index)
    guard let above = ks.first(where: { Double($0) >= depth }) else { return [] }
    let below = Double(above) > depth ? ks.last { Double($0) < depth } : nil
    let measured = byMargin ? marginCurves.filter { $0.index == index } : curves.filter { $0.index == index }
    let found = [below, above].compactMap { $0 }.map { k in measured.first { $0.k == k } }
    return found.contains { $0 == nil } ? [] : found.compactMap { $0 }
  }
}
