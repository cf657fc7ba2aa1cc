public import VecCore
import VecProtocol

extension VecClient {
  /// Makes an empty collection.
  ///
  /// - Parameters:
  ///   - attributes: what its items may have, in the order of their positions; more can be added later.
  ///   - ids: what its items are known by, for good.
  /// - Throws: `collection-exists`; `invalid-argument` or `limit-exceeded` for a name or dimension out of range.
  public func create(
    collection: String, dimension: Int, metric: Metric, attributes: [AttributeDefinition] = [], ids: IDKind = .number,
    deadline: Duration? = nil
  ) async throws(VecError) {
    let request = CreateRequest(
      collection: collection, dimension: dimension, metric: metric, attributes: attributes, ids: ids)
    _ = try await call(.create(request), deadline: deadline)
  }

  /// What a collection is and what its items may have.
  public func describe(collection: String, deadline: Duration? = nil) async throws(VecError) -> CollectionDescription {
    let reply = try await call(.describe(collection: collection), deadline: deadline)
    guard case .describe(let description) = reply else { throw Connection.unexpected(reply) }
    return description
  }

  /// Adds an attribute, which items that are there have no value for.
  ///
  /// - Returns: its position.
  /// - Throws: `invalid-argument` for a name that is taken or illegal, `limit-exceeded` for the 65th.
  @discardableResult
  public func addAttribute(
    _ attribute: AttributeDefinition, to collection: String, deadline: Duration? = nil
  ) async throws(VecError) -> Int {
    let reply = try await call(
      .addAttribute(AddAttributeRequest(collection: collection, attribute: attribute)), deadline: deadline)
    guard case .addAttribute(let position) = reply else { throw Connection.unexpected(reply) }
    return position
  }

  /// All collections, in order of name.
  public func list(deadline: Duration? = nil) async throws(VecError) -> [CollectionInfo] {
    let reply = try await call(.list, deadline: deadline)
    guard case .list(let collections) = reply else { throw Connection.unexpected(reply) }
    return collections
  }

  /// Drops a generation that is not live, or the whole collection when `generation` is nil.
  ///
  /// - Throws: `collection-not-found`, `generation-not-found`, `generation-state`.
  public func drop(
    collection: String, generation: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) {
    _ = try await call(.drop(DropRequest(collection: collection, generation: generation)), deadline: deadline)
  }

  /// The generations of a collection, oldest first.
  public func generations(
    collection: String, deadline: Duration? = nil
  ) async throws(VecError) -> [GenerationInfo] {
    let request = GenerationsRequest(collection: collection, withModels: true)
    let reply = try await call(.generations(request), deadline: deadline)
    guard case .generations(let generations, _) = reply else { throw Connection.unexpected(reply) }
    return generations
  }

  /// Builds the index of a generation.
  ///
  /// - Parameters:
  ///   - generation: nil takes the only one that is building.
  ///   - index: nil lets vecd choose.
  ///   - targetRecall: above 0 and at most 1; nil leaves it to vecd. Flat always has 1.
  ///   - sample: real queries for calibration; flat needs none.
  ///   - wait: whether to wait for the end of the build, or only for its start.
  /// - Throws: `not-available` for an index that the daemon does not have, `busy`, `generation-state`.
  @discardableResult
  public func buildIndex(
    collection: String, generation: String? = nil, index: IndexType? = nil, targetRecall: Float? = nil,
    sample: QuerySample? = nil, wait: Bool = true, deadline: Duration? = nil
  ) async throws(VecError) -> BuildReceipt {
    let request = BuildIndexRequest(
      collection: collection, generation: generation, index: index, wait: wait, targetRecall: targetRecall,
      sample: sample)
    let reply = try await call(.buildIndex(request), deadline: deadline)
    guard case .buildIndex(let receipt) = reply else { throw Connection.unexpected(reply) }
    return receipt
  }

  /// Has the daemon read every byte of a collection, or of the whole store when it is nil. Damage is in the report,
  /// not thrown.
  public func verify(collection: String? = nil, deadline: Duration? = nil) async throws(VecError) -> VerifyReport {
    let reply = try await call(.verify(collection: collection), deadline: deadline)
    guard case .verify(let report) = reply else { throw Connection.unexpected(reply) }
    return report
  }
}
