import VecAttributes
public import VecCore
import VecProtocol

extension VecClient {
  /// Finds the best items for one or more queries; all answers come from one generation. A request with a
  /// `leastSequence`, that of a write's receipt, sees that write and all before it, and waits for it if it must.
  ///
  /// - Throws: `dimension-mismatch`, `no-live-generation`, `not-available`, and `invalid-argument` or `limit-exceeded`
  ///   for values out of range.
  public func search(_ request: SearchRequest, deadline: Duration? = nil) async throws(VecError) -> SearchReply {
    let reply = try await call(.search(request), deadline: deadline)
    guard case .search(let found) = reply else { throw Connection.unexpected(reply) }
    guard found.resultCounts.count == request.queryCount, found.resultCounts.allSatisfy({ $0 <= request.k }) else {
      throw VecError(
        .malformedFrame,
        "search reply: results for \(found.resultCounts.count) queries, \(request.queryCount) x \(request.k) were asked"
      )
    }
    return found
  }

  /// The stored vectors of some ids.
  ///
  /// - Parameters:
  ///   - generation: nil asks the live one.
  ///   - fields: what comes with each vector.
  public func get(
    collection: String, ids: [UInt64], generation: String? = nil, fields: ItemFields = [], deadline: Duration? = nil
  ) async throws(VecError) -> GetReply {
    let request = GetRequest(collection: collection, generation: generation, ids: ids, fields: fields)
    let reply = try await call(.get(request), deadline: deadline)
    guard case .get(let found) = reply else { throw Connection.unexpected(reply) }
    guard found.found.count == ids.count else {
      throw VecError(.malformedFrame, "get reply: \(found.found.count) ids are answered, \(ids.count) were asked")
    }
    return found
  }

  /// The daemon's figures as a JSON object; `docs/OPERATING.md` names the keys.
  public func stats(deadline: Duration? = nil) async throws(VecError) -> String {
    let reply = try await call(.stats, deadline: deadline)
    guard case .stats(let json) = reply else { throw Connection.unexpected(reply) }
    return json
  }

  /// Sends bytes (at most 65,536) and returns them as they came back.
  @discardableResult
  public func ping(_ bytes: [UInt8] = [], deadline: Duration? = nil) async throws(VecError) -> [UInt8] {
    let reply = try await call(.ping(bytes), deadline: deadline)
    guard case .ping(let echo) = reply else { throw Connection.unexpected(reply) }
    return echo
  }
}

extension SearchRequest {
  /// The same with only those items as results for which a filter is true: `category = "sports" and price < 20`.
  /// Formats/filter.md has the language.
  ///
  /// - Throws: `invalid-argument` with the column of what is wrong, `limit-exceeded`. Whether it suits the collection's
  ///   attributes, the daemon says.
  public func filtered(by text: String) throws(VecError) -> SearchRequest {
    var request = self
    request.filter = try Filter(parsing: text).encode()
    return request
  }
}
