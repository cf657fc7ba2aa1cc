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

    /// A setting that serves both.
    func and(_ other: Setting) -> Setting {
      var more = parameter >= other.parameter ? self : other
      more.recall = min(recall, other.recall)
      return more
    }

    static func * (setting: Setting, factor: Double) -> Setting {
      Setting(parameter: setting.parameter * factor, recall: setting.recall, work: setting.work * factor)
    }
  }

  /// The least setting that surely reaches a recall among the best `depth` rows; nil when none does, or beyond the greatest k
  /// that was measured.
  ///
  /// Between two measured k it is read from both. What a k asks for grows about as a power of the k, the power mostly below
  /// one; where it is above one, a straight line lies higher. The higher of the two is taken, so that neither is relied on.
  package func setting(of index: IndexType, reaching recall: Float, at depth: Double) -> Setting? {
    let needed = curves(index, around: depth).map { curve in
      curve.point(reaching: recall).map {
        Setting(parameter: Double($0.parameter), recall: $0.recall, work: $0.work)
      }
    }
    guard let last = needed.last, let upper = last, let first = needed.first, let lower = first else { return nil }
    guard needed.count == 2, lower.parameter < upper.parameter else { return lower.and(upper) }
    let ks = curves(index, around: depth).map { Double($0.k) }
    let line = (depth - ks[0]) / (ks[1] - ks[0])
    let power = lower.parameter * pow(upper.parameter / lower.parameter, log(depth / ks[0]) / log(ks[1] / ks[0]))
    let share = max(line, (power - lower.parameter) / (upper.parameter - lower.parameter))
    return Setting(
      parameter: lower.parameter + (upper.parameter - lower.parameter) * share, recall: min(lower.recall, upper.recall),
      work: lower.work * (1 - share) + upper.work * share)
  }

  /// The curves that speak for a depth: its own, the two around it, or that of the least k for what is less. None beyond the
  /// greatest k that was measured.
  package func curves(_ index: IndexType, around depth: Double) -> [Curve] {
    let ks = ks(index)
    guard let above = ks.first(where: { Double($0) >= depth }) else { return [] }
    let below = Double(above) > depth ? ks.last { Double($0) < depth } : nil
    return [below, above].compactMap { $0 }.compactMap { curve(index, k: $0) }
  }
}
