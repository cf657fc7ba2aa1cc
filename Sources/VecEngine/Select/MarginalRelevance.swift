import VecCore
import VecIndex

/// Maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998), as
/// Formats/protocol.md has it: next is the candidate with the greatest lambda x relevance - (1 - lambda) x similarity.
struct MarginalRelevance {
  private let lambda: Float
  private let dimension: Int
  /// Scaled so that the first candidate's is 1 and the last one's 0.
  private let relevance: [Float]
  /// Of length 1, candidate after candidate; zeros for a vector without direction.
  private let directions: [Float]

  /// - Parameters:
  ///   - candidates: best first.
  ///   - vectors: of the candidates.
  init(_ candidates: [Hit], lambda: Float, vectors: [[Float]?]) {
    self.lambda = lambda
    let best = candidates.first?.score ?? 0
    let span = best - (candidates.last?.score ?? 0)
    relevance = candidates.map { span == 0 ? 1 : 1 - (best - $0.score) / span }
    dimension = vectors.lazy.compactMap { $0?.count }.first ?? 0
    var directions: [Float] = []
    directions.reserveCapacity(candidates.count * dimension)
    for vector in vectors {
      let values = vector ?? [Float](repeating: 0, count: dimension)
      let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      for value in values { directions.append(norm > 0 ? Float(Double(value) / norm) : 0) }
    }
    self.directions = directions
  }

  /// The places of the results in the order in which they are chosen; equal ones in the order of the candidates.
  ///
  /// - Parameter shouldStop: asked before each.
  func pick(_ candidates: [Hit], _ rules: SelectionRules, _ shouldStop: () -> Bool) throws(VecError) -> [Int] {
    var rules = rules
    var places: [Int] = []
    var similarity = [Float](repeating: 0, count: candidates.count)
    var isOpen = [Bool](repeating: true, count: candidates.count)
    while let next = best(candidates, similarity, isOpen, rules), places.count < rules.k {
      if shouldStop() {
        throw VecError(.deadlineExceeded, "the search was stopped while it chose diverse results; nothing was returned")
      }
      rules.take(next, candidates[next])
      places.append(next)
      isOpen[next] = false
      raise(&similarity, by: next)
    }
    return places
  }

  private func best(
    _ candidates: [Hit], _ similarity: [Float], _ isOpen: [Bool], _ rules: SelectionRules
  ) -> Int? {
    var best: (place: Int, value: Float)?
    for place in candidates.indices where isOpen[place] {
      let value = lambda * relevance[place] - (1 - lambda) * similarity[place]
      if value > best?.value ?? -.infinity, rules.allows(place, candidates[place]) { best = (place, value) }
    }
    return best?.place
  }

  /// Each candidate's greatest cosine with what was chosen.
  private func raise(_ similarity: inout [Float], by chosen: Int) {
    directions.withUnsafeBufferPointer { directions in
      guard let base = directions.baseAddress else { return }
      let own = base + chosen * dimension
      for place in similarity.indices {
        let other = base + place * dimension
        var sum = SIMD8<Float>.zero
        var at = 0
        while at + 8 <= dimension {
          let left = UnsafeRawPointer(own + at).loadUnaligned(as: SIMD8<Float>.self)
          let right = UnsafeRawPointer(other + at).loadUnaligned(as: SIMD8<Float>.self)
          sum += left * right
          at += 8
        }
        var total = sum.sum()
        while at < dimension {
          total += own[at] * other[at]
          at += 1
        }
        similarity[place] = max(similarity[place], total)
      }
    }
  }
}
