import Glibc
import VecCore
import VecIndex
import VecKernels

/// Scores of items by all interests of a query together: t log sum_k exp(s_k / t), with s_k the scores by each of them, biases
/// included: each adds to the joint score what it adds to all of these.
///
/// It is between the best score and that plus t log K. So the candidates by the best score that have been looked at hold the
/// k best, as soon as the k-th is as good as any other item can be.
struct SoftMerge {
  let temperature: Double
  private let metric: Metric
  private let interests: Int
  private let dimension: Int

  /// Nil unless the request asks for it.
  ///
  /// - Throws: `invalid-argument` under l2, whose scores are distances.
  init?(_ request: SearchRequest, _ metric: Metric) throws(VecError) {
    guard let temperature = request.logSumExp else { return nil }
    guard metric != .l2 else {
      throw VecError(.invalidArgument, "log-sum-exp joins scores that are better when greater; the collection has metric l2")
    }
    try request.checkLogSumExp()
    self.temperature = Double(temperature)
    self.metric = metric
    interests = request.interests
    dimension = request.dimension
  }

  /// - Parameters:
  ///   - candidates: by the best score, best first.
  ///   - query: its interests, one after the other.
  ///   - areAll: there are no others.
  /// - Returns: the `k` best by the joint score, best first, equal ones by ascending ids; nil when deeper candidates are needed.
  func best(
    _ k: Int, of candidates: [Hit], query: ArraySlice<Float>, areAll: Bool, from generation: Generation
  ) -> [Hit]? {
    let scores = scores(of: candidates, query, generation)
    var joined = candidates.enumerated().map { place, hit in
      Hit(id: hit.id, score: join(scores[place * interests..<(place + 1) * interests]), interest: hit.interest)
    }
    joined.sort { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
    let found = Array(joined.prefix(k))
    if areAll { return found }
    guard found.count == k, let worst = found.last?.score, let last = candidates.last?.score else { return nil }
    let mostOfOthers = Float(Double(last) + temperature * log(Double(interests))).nextUp
    return worst > mostOfOthers ? found : nil
  }

  /// By each interest, candidate after candidate: the scores that a search by that interest alone would show.
  private func scores(of candidates: [Hit], _ query: ArraySlice<Float>, _ generation: Generation) -> [Float] {
    // All of them are there: the search has just found them in this very generation.
    let vectors = generation.vectors(of: candidates.map(\.id)).flatMap { $0 ?? [Float](repeating: 0, count: dimension) }
    let rows = candidates.indices.map { UInt32(truncatingIfNeeded: $0) }
    var scores = [Float](repeating: 0, count: candidates.count * interests)
    var own = [Float](repeating: 0, count: candidates.count)
    for interest in 0..<interests {
      query.dropFirst(interest * dimension).withUnsafeBufferPointer { query in
        vectors.withUnsafeBytes { vectors in
          rows.withUnsafeBufferPointer { rows in
            own.withUnsafeMutableBufferPointer { own in
              guard let query = query.baseAddress, let base = vectors.baseAddress, let out = own.baseAddress else { return }
              CanonicalScore.settle(
                metric, query: query, queryNorm: CanonicalScore.norm(query, dimension: dimension), base: base, type: .f32,
                dimension: dimension, rows: rows, out: out)
            }
          }
        }
      }
      for place in candidates.indices {
        scores[place * interests + interest] = own[place] + (generation.bias?.value(of: candidates[place].id) ?? 0)
      }
    }
    return scores
  }

  /// Without overflow, whatever the temperature: the greatest is taken out.
  private func join(_ scores: ArraySlice<Float>) -> Float {
    let greatest = Double(scores.max() ?? 0)
    let sum = scores.reduce(0.0) { $0 + exp((Double($1) - greatest) / temperature) }
    return Float(greatest + temperature * log(sum)) + 0
  }
}
