import VecClient
import VecCore

/// A query made of items: `--like`, `--unlike`.
struct Likeness: Sendable {
  let like: [UInt64]
  let unlike: [UInt64]

  /// Nil when neither is given.
  init?(like: String?, unlike: String?) throws(VecError) {
    guard like != nil || unlike != nil else { return nil }
    guard let like else { throw VecError(.invalidArgument, "--unlike goes with --like; give both") }
    self.like = try IDList.parse(like, option: "--like", limit: Limits.getIdsMax / 2)
    self.unlike = try unlike.map { (text) throws(VecError) in
      try IDList.parse(text, option: "--unlike", limit: Limits.getIdsMax / 2)
    } ?? []
  }

  var ids: [UInt64] { like + unlike }

  func query(
    of client: VecClient, _ collection: String, _ generation: String?, model: String?
  ) async throws(VecError) -> [Float] {
    try await client.likeness(
      collection: collection, like: like, unlike: unlike, generation: generation, model: model)
  }
}
