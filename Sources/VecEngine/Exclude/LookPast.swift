import VecCore
import VecIndex
import VecKernels

/// Excludes by dropping results: a search looks a little deeper than k, and what is excluded goes from what it finds.
///
/// It costs next to nothing where few of the excluded ids are near the query, and then takes no lookup of them at all. Where too
/// few results are left, the query is asked again with the excluded rows taken out before the search.
struct LookPast {
  private let k: Int
  /// Results that are looked for.
  let depth: Int

  /// - Parameters:
  ///   - excluded: ids that a query excludes, at most.
  /// - Returns: nil where it is not known how deep that would be.
  init?(k: Int, excluded: Int) {
    guard excluded > 0 else { return nil }
    self.k = k
    depth = k + min(excluded, 16 + k / 8)
    guard depth <= Calibrator.ks.last ?? 0 else { return nil }
  }

  /// Whether more of what a query excludes may be found than it looks deeper for, so that it need not look.
  func isTooNear(
    _ query: Int, of request: SearchRequest, _ exclusions: QueryExclusions, in generation: Generation, _ metric: Metric,
    _ kernels: Kernels
  ) -> Bool {
    guard let ids = exclusions.ids(exclusions.count > 1 ? query : 0), ids.count > depth - k else { return false }
    let near = ExclusionDepth(
      request.vectors(of: query), generation, metric, dimension: request.dimension, kernels: kernels)
    return !near.areFew(ids, slack: depth - k, in: depth)
  }

  /// - Returns: per query its first `k` that are not excluded, nil when deeper ones might belong to them.
  func best(of found: [[Hit]], _ exclusions: QueryExclusions) -> [[Hit]?] {
    let shared = exclusions.count == 1 ? exclusions.ids(0).map { Exclusion($0) } : nil
    return found.enumerated().map { query, hits in
      best(of: hits, without: exclusions.count > 1 ? exclusions.ids(query).map { Exclusion($0) } : shared)
    }
  }

  private func best(of found: [Hit], without excluded: Exclusion?) -> [Hit]? {
    guard let excluded else { return Array(found.prefix(k)) }
    var left: [Hit] = []
    left.reserveCapacity(k)
    for hit in found where !excluded.contains(hit.id) {
      left.append(hit)
      if left.count == k { return left }
    }
    return found.count < depth ? left : nil
  }
}
