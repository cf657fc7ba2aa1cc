package import VecCore

/// Joins the answers of several segments, which share no id, into one.
package enum HitMerge {
  /// - Parameter lists: per segment and query the best hits, best first.
  /// - Returns: per query the best `k` of all, best first; equal scores in the order of ascending ids.
  package static func merge(_ lists: [[[Hit]]], k: Int, metric: Metric) -> [[Hit]] {
    guard let first = lists.first, lists.count > 1 else { return lists.first ?? [] }
    return first.indices.map { query in
      var all = lists.flatMap { $0[query] }
      all.sort { left, right in
        guard left.score != right.score else { return left.id < right.id }
        return metric == .l2 ? left.score < right.score : left.score > right.score
      }
      return Array(all.prefix(k))
    }
  }
}
