public import VecCore

extension VecClient {
  /// The query that asks for more like some items and less like others: the mean vector of the first less a share of the
  /// mean vector of the others (Rocchio, 1971); under cosine of their directions. Search with it without the items themselves,
  /// which `SearchRequest.excluded` is for.
  ///
  /// - Parameters:
  ///   - like: at least one id.
  ///   - share: of the others' mean, 0 or more.
  ///   - model: the version of the model that shall have made the vectors of the items; nil says nothing about it.
  /// - Throws: `invalid-argument` for an id that is not there, which it names; `model-mismatch`.
  public func likeness(
    collection: String, like: [UInt64], unlike: [UInt64] = [], share: Float = 0.5, generation: String? = nil,
    model: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> [Float] {
    guard !like.isEmpty, share >= 0, share.isFinite else {
      throw VecError(.invalidArgument, "likeness needs ids to be like, and a share of 0 or more, not \(share)")
    }
    let metric = try await describe(collection: collection, deadline: deadline).metric
    let reply = try await get(collection: collection, ids: like + unlike, generation: generation, deadline: deadline)
    if let model {
      let carried = try await generations(collection: collection, deadline: deadline)
        .first { $0.label == reply.generation }?.model
      guard carried == model else {
        throw VecError(
          .modelMismatch,
          "the items' vectors are to be of model \(Names.quoted(model)), generation \(reply.generation) of \(collection) "
            + "carries \(carried.map(Names.quoted) ?? "no model version"): name the generation to ask")
      }
    }
    if let missing = zip(like + unlike, reply.found).first(where: { !$0.1 }) {
      throw VecError(.invalidArgument, "there is no item \(missing.0) to be like or unlike")
    }
    var query = [Double](repeating: 0, count: reply.dimension)
    for place in 0..<(like.count + unlike.count) {
      let vector = reply.vectors[(place * reply.dimension)..<((place + 1) * reply.dimension)].map { Double($0) }
      let norm = metric == .cosine ? vector.reduce(0) { $0 + $1 * $1 }.squareRoot() : 1
      let weight = place < like.count ? 1 / Double(like.count) : -Double(share) / Double(unlike.count)
      for at in query.indices { query[at] += weight * vector[at] / norm }
    }
    return query.map { Float($0) }
  }
}
