import VecCore
import VecKernels

/// Joins the exact top k of each interest into the exact top k by the best score over the interests.
///
/// Why that is exact. Let m(x) be the best score of x over the interests, and j an interest that attains it. If y
/// beats x under j, by (score, id), then m(y) >= score_j(y), so y beats x by (m, id) too. So an x in the true answer
/// is beaten by fewer than k ids under j and stands in the list of *every* interest that attains m(x), with its right
/// score; the first of those interests is reported. An x outside of the true answer may stand here with a score below
/// m(x), if its best lists left it out; but the k true ones all stand here, rightly, and beat it even at m(x).
enum InterestMerge {
  /// - Parameter lists: per interest, best first, at most k long.
  static func merge(_ lists: ArraySlice<[Settled]>, k: Int, metric: Metric) -> [Hit] {
    if lists.count == 1, let only = lists.first {
      return only.map { Hit(id: $0.id, score: CanonicalScore.shown($0.score, metric), interest: 0) }
    }
    var all: [(found: Settled, interest: UInt8)] = []
    for (interest, list) in lists.enumerated() {
      all += list.map { ($0, UInt8(truncatingIfNeeded: interest)) }
    }
    all.sort { left, right in
      if left.found.id != right.found.id { return left.found.id < right.found.id }
      if left.found.score != right.found.score { return left.found.score > right.found.score }
      return left.interest < right.interest
    }
    var best: [(found: Settled, interest: UInt8)] = []
    for entry in all where best.last?.found.id != entry.found.id { best.append(entry) }
    best.sort { $0.found.isBefore($1.found) }
    return best.prefix(k).map { entry in
      Hit(id: entry.found.id, score: CanonicalScore.shown(entry.found.score, metric), interest: entry.interest)
    }
  }
}
