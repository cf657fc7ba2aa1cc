import Synchronization
package import VecCore
import VecManifest

// Named sets of excluded ids: a user's seen items, kept here so that searches need only name them.
extension Engine {
  /// Carries out changes of named sets in their order, all in one commit; each succeeds or fails for itself, but for the
  /// commit. The answers are the ids in the set; of a set to forget 1 when it was there, else 0.
  ///
  /// When this returns, what succeeded is durable and seen by every search that begins now.
  package func exclude(_ writes: [ExclusionWrite]) -> [Result<UInt64, VecError>] {
    let now = options.now()
    return change(exclusions, writes.map { NamedSetWrite($0, at: now) })
  }

  /// What a named set excludes now; nothing when there is none of this name.
  package func exclusions(_ name: String, set: String) throws(VecError) -> Exclusions {
    try Names.checkExcludeSet(set)
    return try exclusionSet(set, of: try collection(name).row)?.list(at: options.now()) ?? Exclusions()
  }

  func exclusionSet(_ name: String, of collection: CollectionRow) throws(VecError) -> ExclusionSet? {
    try exclusions.entry(name, of: collection)?.content
  }

  /// Removes sets of which nothing counts any more; those that nobody touches would stay for ever.
  ///
  /// - Returns: how many; as many as `limit` when there may be more.
  package func forgetEndedExclusions(limit: Int) throws(VecError) -> Int {
    try withWriter { (writer) throws(VecError) in
      let now = options.now()
      return try exclusions.remove(limit: limit, from: writer.manifest) { $0.isOver(at: now) }
    }
  }
}

extension NamedSetWrite {
  fileprivate init(_ write: ExclusionWrite, at now: Int64) {
    (collection, set) = (write.address.collection, write.address.set)
    guard case .append(let append) = write else { return }
    do throws(VecError) {
      try Limits.check(append.ids.count, 1...Limits.excludeIdsMax, "the number of ids in one exclude")
      part = ExclusionSet.part(append.ids, lifetimeSeconds: append.lifetimeSeconds, at: now)
    } catch { refusal = error }
  }
}

/// What the queries of one search exclude: ids that came with it, and those of named sets.
struct QueryExclusions {
  /// One for all queries, one for each, or none.
  private let own: [IDSet]
  private let named: [IDSet?]
  /// 0 when nothing is excluded, 1 when all queries exclude the same, else as many as there are queries.
  let count: Int

  /// - Parameter find: the ids of a set that count now.
  init(_ request: SearchRequest, find: (String) throws(VecError) -> IDSet?) throws(VecError) {
    own = request.excluded
    // Many queries may name the same set.
    var found: [String: IDSet?] = [:]
    var named: [IDSet?] = []
    for name in request.excludeSets {
      if let known = found[name] {
        named.append(known)
      } else {
        let ids = name.isEmpty ? nil : try find(name)
        found[name] = .some(ids)
        named.append(ids)
      }
    }
    self.named = named
    count = max(own.count, named.count)
  }

  private init(_ own: [IDSet], _ named: [IDSet?]) {
    self.own = own
    self.named = named
    count = max(own.count, named.count)
  }

  /// Nothing.
  static let none = QueryExclusions([], [])

  /// The same of some of the queries.
  func only(_ queries: [Int]) -> QueryExclusions {
    QueryExclusions(own.count > 1 ? queries.map { own[$0] } : own, named.count > 1 ? queries.map { named[$0] } : named)
  }

  /// The most that a query excludes; an id that is named twice may count twice.
  var greatestCount: Int {
    (0..<count).map { (at($0, own)?.count ?? 0) + ((at($0, named) ?? nil)?.count ?? 0) }.max() ?? 0
  }

  /// What a query excludes, joined only now: of all queries at once it may be too much for memory. Nil for nothing.
  func ids(_ query: Int) -> IDSet? {
    let (mine, theirs) = (at(query, own) ?? [], (at(query, named) ?? nil) ?? [])
    let joined = theirs.isEmpty ? mine : mine.isEmpty ? theirs : mine.union(theirs)
    return joined.isEmpty ? nil : joined
  }

  private func at<T>(_ query: Int, _ sets: [T]) -> T? { sets.isEmpty ? nil : sets[sets.count == 1 ? 0 : query] }
}
