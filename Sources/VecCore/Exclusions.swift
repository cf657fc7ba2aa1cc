/// Ids to append to a named set that searches may exclude.
public struct ExcludeRequest: Sendable, Equatable {
  public var collection: String
  /// The set's name, a user's say: 1 to 64 of `A-Z a-z 0-9 . _ : -`, first one a letter or digit.
  public var set: String
  /// Seconds from now for which they are excluded; nil for ever.
  public var lifetimeSeconds: UInt32?
  /// 1 to `Limits.excludeIdsMax`; of equal ones the last counts.
  public var ids: [UInt64]

  public init(collection: String, set: String, lifetimeSeconds: UInt32? = nil, ids: [UInt64]) {
    self.collection = collection
    self.set = set
    self.lifetimeSeconds = lifetimeSeconds
    self.ids = ids
  }
}

/// What a named set excludes now.
public struct Exclusions: Sendable, Equatable {
  /// Ascending.
  public var ids: [UInt64]
  /// Of each id until when it is excluded, in milliseconds since 1970; nil for ever.
  public var ends: [Int64?]

  public init(ids: [UInt64] = [], ends: [Int64?] = []) {
    self.ids = ids
    self.ends = ends
  }
}

/// Names one set of ids, excluded or biased ones.
package struct NamedSetRequest: Sendable, Equatable {
  package var collection: String
  package var set: String

  package init(collection: String, set: String) {
    self.collection = collection
    self.set = set
  }
}

/// A change of a named set.
package enum ExclusionWrite: Sendable, Equatable {
  case append(ExcludeRequest)
  case forget(NamedSetRequest)

  package var address: NamedSetRequest {
    switch self {
    case .append(let append): NamedSetRequest(collection: append.collection, set: append.set)
    case .forget(let forget): forget
    }
  }
}
