public import VecCore
import VecProtocol

// Named sets of biases that the daemon keeps: boosts, or corrections, which a search then only names (`SearchRequest.bias`).
extension VecClient {
  /// Puts biases into a set, and makes it if it is not there. When this returns they are durable, and in the scores of every
  /// search that names the set and begins now. It is sent again after a lost connection.
  ///
  /// - Returns: ids in the set now.
  /// - Throws: `limit-exceeded` for too many ids or sets; `storage-full` (nothing was kept), `outcome-unknown`.
  @discardableResult
  public func bias(_ request: BiasRequest, deadline: Duration? = nil) async throws(VecError) -> UInt64 {
    let reply = try await call(.bias(request), deadline: deadline)
    guard case .bias(let count) = reply else { throw Connection.unexpected(reply) }
    return count
  }

  /// Removes a set.
  ///
  /// - Returns: whether there was one.
  @discardableResult
  public func forgetBiases(collection: String, set: String, deadline: Duration? = nil) async throws(VecError) -> Bool {
    let reply = try await call(.forgetBiases(NamedSetRequest(collection: collection, set: set)), deadline: deadline)
    guard case .forgetBiases(let wasThere) = reply else { throw Connection.unexpected(reply) }
    return wasThere
  }

  /// The biases of a set; none when there is no such set.
  public func biases(collection: String, set: String, deadline: Duration? = nil) async throws(VecError) -> Biases {
    let reply = try await call(.biases(NamedSetRequest(collection: collection, set: set)), deadline: deadline)
    guard case .biases(let found) = reply else { throw Connection.unexpected(reply) }
    return found
  }
}
