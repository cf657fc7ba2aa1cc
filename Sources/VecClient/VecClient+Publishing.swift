public import VecCore
import VecProtocol

extension VecClient {
  /// Makes a built generation the live one, atomically.
  ///
  /// - Parameters:
  ///   - expecting: what must be live now, else `live-generation-changed` is thrown and nothing happens.
  ///   - checks: what must hold of the generation, else `publish-refused` is thrown and nothing happens. The receipt then
  ///     has a report.
  @discardableResult
  public func publish(
    collection: String, generation: String, expecting: ExpectedLive = .any, checks: PublishChecks = PublishChecks(),
    deadline: Duration? = nil
  ) async throws(VecError) -> PublishReceipt {
    let request = PublishRequest(collection: collection, generation: generation, expected: expecting, checks: checks)
    let reply = try await call(.publish(request), deadline: deadline)
    guard case .publish(let outcome) = reply else { throw Connection.unexpected(reply) }
    return PublishReceipt(outcome, live: generation)
  }

  /// Makes generations of several collections live at once: all of them in one transaction, or none.
  ///
  /// - Returns: a receipt for each, in their order.
  @discardableResult
  public func publish(together requests: [PublishRequest], deadline: Duration? = nil) async throws(VecError)
    -> [PublishReceipt]
  {
    let reply = try await call(.publishTogether(requests), deadline: deadline)
    guard case .publishTogether(let outcomes) = reply, outcomes.count == requests.count else {
      throw Connection.unexpected(reply)
    }
    return zip(outcomes, requests).map { PublishReceipt($0, live: $1.generation) }
  }

  /// Makes the generation live that was live before.
  ///
  /// - Throws: `no-live-generation`, `no-previous-generation`.
  @discardableResult
  public func rollback(collection: String, deadline: Duration? = nil) async throws(VecError) -> PublishReceipt {
    let reply = try await call(.rollback(collection: collection), deadline: deadline)
    guard case .rollback(let receipt) = reply else { throw Connection.unexpected(reply) }
    return receipt
  }

  /// Changes some settings of a collection; what is nil stays.
  public func configure(
    collection: String, _ change: SettingsChange, deadline: Duration? = nil
  ) async throws(VecError) {
    _ = try await call(.configure(ConfigureRequest(collection: collection, change: change)), deadline: deadline)
  }

  /// The real queries that the daemon keeps of generations with one model version, oldest first.
  ///
  /// - Parameter generation: whose model version; nil for the live one's.
  public func capturedQueries(
    collection: String, generation: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> QuerySample {
    let reply = try await call(
      .capturedQueries(GenerationRequest(collection: collection, generation: generation)), deadline: deadline)
    guard case .capturedQueries(let queries) = reply else { throw Connection.unexpected(reply) }
    return queries
  }
}

extension PublishReceipt {
  fileprivate init(_ outcome: PublishOutcome, live: String) {
    self.init(sequence: outcome.sequence, live: live, replaced: outcome.replaced, report: outcome.report)
  }
}
