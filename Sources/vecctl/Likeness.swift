import VecClient
import VecCore

/// A query made of items: `--like`, `--unlike`.
struct Likeness: Sendable {
  private let like: String
  private let unlike: String?

  /// Nil when neither is given.
  init?(like: String?, unlike: String?) throws(VecError) {
    guard like != nil || unlike != nil else { return nil }
    guard let like else { throw VecError(.invalidArgument, "--unlike goes with --like; give both") }
    self.like = like
    self.unlike = unlike
  }

  /// The query, and the ids that it is made of.
  func query(
    of client: VecClient, _ collection: String, _ generation: String?, model: String?, _ kind: IDKind
  ) async throws(VecError) -> (vector: [Float], ids: [UInt64]) {
    let like = try IDList.parse(like, option: "--like", limit: Limits.getIdsMax / 2, kind)
    let unlike = try unlike.map { (text) throws(VecError) in
      try IDList.parse(text, option: "--unlike", limit: Limits.getIdsMax / 2, kind)
    } ?? []
    let vector = try await client.likeness(
      collection: collection, like: like, unlike: unlike, generation: generation, model: model)
    return (vector, like + unlike)
  }
}
