import Glibc
import VecCore
import VecIndex

/// Scores of items by all interests of a query together: t log sum_k exp(s_k / t), with s_k the scores by each of them.
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
    let norms = (0..<interests).map { norm(query.dropFirst($0 * dimension).prefix(dimension)) }
    var joined: [Hit] = []
    for (hit, vector) in zip(candidates, generation.vectors(of: candidates.map(\.id))) {
      guard let vector else { continue }
      let scores = scores(of: vector, query, norms)
      joined.append(Hit(id: hit.id, score: join(scores), interest: hit.interest))
    }
    joined.sort { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
    let found = Array(joined.prefix(k))
    if areAll { return found }
    guard found.count == k, let worst = found.last?.score, let last = candidates.last?.score else { return nil }
    let mostOfOthers = Float(Double(last) + temperature * log(Double(interests))).nextUp
    return worst > mostOfOthers ? found : nil
  }

  /// Of one item, by each interest.
  private func scores(of vector: [Float], _ query: ArraySlice<Float>, _ norms: [Double]) -> [Double] {
    let length = metric == .cosine ? norm(vector[...]) : 1
    return (0..<interests).map { interest in
      var sum = 0.0
      var at = query.startIndex + interest * dimension
      for value in vector {
        sum += Double(value) * Double(query[at])
        at += 1
      }
      return metric == .cosine ? sum / (norms[interest] * length) : sum
    }
  }

  /// Without overflow, whatever the temperature: the greatest is taken out.
  private func join(_ scores: [Double]) -> Float {
    let greatest = scores.max() ?? 0
    let sum = scores.reduce(0) { $0 + exp(($1 - greatest) / temperature) }
    return Float(greatest + temperature * log(sum)) + 0
  }

  private func norm(_ values: ArraySlice<Float>) -> Double {
    values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
}
