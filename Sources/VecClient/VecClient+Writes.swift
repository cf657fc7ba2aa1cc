public import VecCore
import VecProtocol

// Single writes, and what they make necessary.
extension VecClient {
  /// Puts vectors in the place of those that some ids had, or adds them; all of them or none. A collection without a live
  /// generation gets one.
  ///
  /// When this returns, the rows are durable and seen by every search that begins now. Without a token of the caller's
  /// it gets a random one, so that it can be sent again after a lost connection and is carried out once. A write that
  /// ends in `outcome-unknown` (or in `connection-lost`, on the second loss) may be there or not: send it again with the
  /// token that you gave it. At most 16,384 rows and 8 MiB at once.
  ///
  /// - Throws: `dimension-mismatch`, `value-not-finite`, `norm-out-of-range`, `generation-state` for a generation that is
  ///   being built, `storage-full` (nothing was kept), `outcome-unknown`.
  @discardableResult
  public func upsert(_ request: UpsertRequest, deadline: Duration? = nil) async throws(VecError) -> WriteReceipt {
    var tokened = request
    tokened.token = request.token ?? Self.freshToken()
    let reply = try await call(.upsert(tokened), deadline: deadline)
    guard case .upsert(let receipt) = reply else { throw Connection.unexpected(reply) }
    return receipt
  }

  /// Removes the rows of some ids; those that are not there are no error. Otherwise as `upsert`; at most 65,536 at once.
  @discardableResult
  public func delete(_ request: DeleteRequest, deadline: Duration? = nil) async throws(VecError) -> WriteReceipt {
    var tokened = request
    tokened.token = request.token ?? Self.freshToken()
    let reply = try await call(.delete(tokened), deadline: deadline)
    guard case .delete(let receipt) = reply else { throw Connection.unexpected(reply) }
    return receipt
  }

  /// Moves the rows written so far into a segment; the daemon does so by itself when it is due.
  ///
  /// - Returns: a JSON object; `docs/COMMANDS.md` names its keys, as of those below.
  @discardableResult
  public func seal(
    collection: String, generation: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> String {
    let request = GenerationRequest(collection: collection, generation: generation)
    let reply = try await call(.seal(request), deadline: deadline)
    guard case .seal(let json) = reply else { throw Connection.unexpected(reply) }
    return json
  }

  /// Rewrites the segments of a generation without deleted rows, with the index that it has. Searches and writes go on.
  /// Ending the call before its answer calls it off.
  @discardableResult
  public func compact(
    collection: String, generation: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> String {
    let request = GenerationRequest(collection: collection, generation: generation)
    let reply = try await call(.compact(request), deadline: deadline)
    guard case .compact(let json) = reply else { throw Connection.unexpected(reply) }
    return json
  }

  /// Makes a verified copy of the whole store under `snapshots/` of its directory.
  ///
  /// - Throws: `cannot-create` when the name is taken.
  @discardableResult
  public func snapshot(_ name: String, deadline: Duration? = nil) async throws(VecError) -> String {
    let reply = try await call(.snapshot(name: name), deadline: deadline)
    guard case .snapshot(let json) = reply else { throw Connection.unexpected(reply) }
    return json
  }

  /// Calls off an index build; the generation stays as it was. Nil takes the only generation that one runs for.
  ///
  /// - Returns: whether one ran.
  @discardableResult
  public func cancelBuild(
    collection: String, generation: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> Bool {
    let request = GenerationRequest(collection: collection, generation: generation)
    let reply = try await call(.cancelBuild(request), deadline: deadline)
    guard case .cancelBuild(let wasRunning) = reply else { throw Connection.unexpected(reply) }
    return wasRunning
  }

  private static func freshToken() -> WriteToken {
    var random = SystemRandomNumberGenerator()
    return WriteToken.random(using: &random)
  }
}
