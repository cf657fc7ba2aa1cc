import CVecKernels
package import VecCore

/// The score that callers see: computed in double in a fixed order and rounded once to float32, so it has the same bits
/// on every CPU, for every kernel tier and for every way in which queries are batched.
///
/// With q and x the vectors: inner product q.x; cosine q.x / (sqrt(q.q) * sqrt(x.x)); for l2 the *negative* squared
/// distance, so that larger is better everywhere inside. Terms are added in eight interleaved sums (term i to sum
/// i mod 8), which are then joined as ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)).
package enum CanonicalScore {
  private static let fastest = KernelTier.best
  private static let settleFastest = vk_settle_for(fastest.rawValue)

  /// Euclidean norm of `dimension` values in double.
  package static func norm(_ values: UnsafePointer<Float>, dimension: Int) -> Double { vk_norm(values, dimension) }

  /// Scores of the rows with the given numbers, in that order: `out[rows.count]`.
  /// - Parameters:
  ///   - queryNorm: `norm` of the query; used under cosine only.
  ///   - base: first element of row 0; rows follow each other without a gap.
  ///   - tier: nil for the fastest one; the bits are the same in all. A tier that this machine lacks leaves `out`
  /// alone.
  package static func settle(
    _ metric: Metric, query: UnsafePointer<Float>, queryNorm: Double, base: UnsafeRawPointer, type: ElementType,
    dimension: Int, rows: UnsafeBufferPointer<UInt32>, out: UnsafeMutablePointer<Float>, tier: KernelTier? = nil
  ) {
    let settle = tier.map { vk_settle_for($0.rawValue) } ?? settleFastest
    settle?(
      UInt32(metric.rawValue), UInt32(type.rawValue), query, queryNorm, base, dimension, rows.baseAddress, rows.count,
      out)
  }

  /// The score as callers see it: the squared distance gets its own sign back. Never negative zero.
  package static func shown(_ score: Float, _ metric: Metric) -> Float { metric == .l2 ? 0 - score : score + 0 }
}
