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
    guard let (below, above) = places(index, around: depth),
      let lower = setting(of: below, reaching: recall, byMargin: byMargin),
      let upper = below == above ? lower : setting(of: above, reaching: recall, byMargin: byMargin)
    else { return nil }
    guard lower.parameter < upper.parameter else { return lower.and(upper) }
    let (least, most) = (Double(curves[below].k), Double(curves[above].k))
    let line = (depth - least) / (most - least)
    let power = lower.parameter * pow(upper.parameter / lower.parameter, log(depth / least) / log(most / least))
    let share = max(line, (power - lower.parameter) / (upper.parameter - lower.parameter))
    var between = lower.and(upper)
    between.parameter = lower.parameter + (upper.parameter - lower.parameter) * share
    between.work = lower.work * (1 - share) + upper.work * share
    if let least = lower.margin, let most = upper.margin { between.margin = min(most, least + (most - least) * Float(line)) }
    return between
  }

  private func setting(of place: Int, reaching recall: Float, byMargin: Bool) -> Setting? {
    guard byMargin else { return curves[place].point(reaching: recall).map { Setting($0) } }
    let k = curves[place].k
    guard curves[place].index == .ivf, let own = marginCurves.firstIndex(where: { $0.k == k }) else { return nil }
    return marginCurves[own].point(reaching: recall).map { Setting($0) }
  }

  /// The curves that speak for a depth: its own, the two around it, or that of the least k for what is less. None beyond the
  /// greatest k that was measured.
  package func curves(_ index: IndexType, around depth: Double) -> [Curve] {
    guard let (below, above) = places(index, around: depth) else { return [] }
    return below == above ? [curves[above]] : [curves[below], curves[above]]
  }

  /// The ks of these curves.
  func ks(_ index: IndexType, around depth: Double) -> [Double] {
    guard let (below, above) = places(index, around: depth) else { return [] }
    return below == above ? [Double(curves[above].k)] : [Double(curves[below].k), Double(curves[above].k)]
  }

  /// The greatest k that was measured for an index; nil for none.
  func greatestK(_ index: IndexType, below limit: Int = .max) -> Int? {
    curves.lastIndex { $0.index == index && $0.k < limit }.map { curves[$0].k }
  }

  /// Where these are. Every request asks, so nothing is made of the heap.
  private func places(_ index: IndexType, around depth: Double) -> (below: Int, above: Int)? {
    var below: Int?
    for place in curves.indices where curves[place].index == index {
      let k = Double(curves[place].k)
      if k >= depth { return (k > depth ? below ?? place : place, place) }
      below = place
    }
    return nil
  }
}
