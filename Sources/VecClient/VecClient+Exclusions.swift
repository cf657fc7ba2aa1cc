public import VecCore
import VecProtocol

// Named sets of excluded ids that the daemon keeps: a user's seen items, which a search then only names
// (`SearchRequest.excludeSets`).
extension VecClient {
  /// Appends ids to a set, and makes it if it is not there. When this returns they are durable, and excluded by every
  /// search that names the set and begins now. It is sent again after a lost connection: ids that are appended twice are in the
  /// set once.
  ///
  /// - Returns: ids in the set now.
  /// - Throws: `limit-exceeded` for too many ids, sets or bytes of them; `storage-full` (nothing was kept), `outcome-unknown`.
  @discardableResult
  public func exclude(_ request: ExcludeRequest, deadline: Duration? = nil) async throws(VecError) -> UInt64 {
    let reply = try await call(.exclude(request), deadline: deadline)
    guard case .exclude(let count) = reply else { throw Connection.unexpected(reply) }
    return count
  }

  /// Removes a set.
  ///
  /// - Returns: whether there was one.
  @discardableResult
  public func forgetExclusions(
    collection: String, set: String, deadline: Duration? = nil
  ) async throws(VecError) -> Bool {
    let reply = try await call(
      .forgetExclusions(NamedSetRequest(collection: collection, set: set)), deadline: deadline)
    guard case .forgetExclusions(let wasThere) = reply else { throw Connection.unexpected(reply) }
    return wasThere
  }

  /// What a set excludes now; nothing when there is no such set.
  public func exclusions(
    collection: String, set: String, deadline: Duration? = nil
  ) async throws(VecError) -> Exclusions {
    let reply = try await call(.exclusions(NamedSetRequest(collection: collection, set: set)), deadline: deadline)
    guard case .exclusions(let found) = reply else { throw Connection.unexpected(reply) }
    return found
  }
}
