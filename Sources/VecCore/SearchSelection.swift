/// How the k results of each query are chosen from more candidates; an empty one takes the k best. Formats/protocol.md says
/// exactly what comes out.
public struct SearchSelection: Sendable, Equatable {
  /// At most so many results with the same value of an attribute; those without a value are not limited.
  public struct Group: Sendable, Equatable {
    /// Of type int, bool or keyword.
    public var attribute: String
    /// 1 or more.
    public var most: Int

    public init(attribute: String, most: Int) {
      self.attribute = attribute
      self.most = most
    }
  }

  /// How many results an interest shall win.
  public struct Quota: Sendable, Equatable {
    public var least: Int
    public var most: Int

    public init(least: Int, most: Int) {
      self.least = least
      self.most = most
    }
  }

  /// Maximal marginal relevance (Carbonell and Goldstein, 1998).
  public struct Diversity: Sendable, Equatable {
    /// 1: by score alone, 0: by difference alone.
    public var lambda: Float
    /// Candidates; nil for 4 k.
    public var pool: Int?

    public init(lambda: Float, pool: Int? = nil) {
      self.lambda = lambda
      self.pool = pool
    }
  }

  public var group: Group?
  /// One per interest, or empty.
  public var quotas: [Quota]
  public var diversity: Diversity?

  public init(group: Group? = nil, quotas: [Quota] = [], diversity: Diversity? = nil) {
    self.group = group
    self.quotas = quotas
    self.diversity = diversity
  }

  public var isEmpty: Bool { group == nil && quotas.isEmpty && diversity == nil }

  /// - Throws: `invalid-argument`, `limit-exceeded`.
  package func check(k: Int, interests: Int) throws(VecError) {
    if let group {
      try Names.checkAttribute(group.attribute)
      try Limits.check(group.most, 1...Int(UInt32.max), "the results of a group")
    }
    guard quotas.isEmpty || quotas.count == interests else {
      throw VecError(.invalidArgument, "\(quotas.count) quotas for \(interests) interests, give one for each")
    }
    for (interest, quota) in quotas.enumerated() where quota.least < 0 || quota.least > quota.most {
      throw VecError(
        .invalidArgument, "the quota of interest \(interest) is \(quota.least) to \(quota.most), least must not be above most")
    }
    guard quotas.reduce(0, { $0 + $1.least }) <= k else {
      throw VecError(.invalidArgument, "the least quotas add up to \(quotas.reduce(0) { $0 + $1.least }), k is \(k)")
    }
    guard let diversity else { return }
    guard diversity.lambda >= 0, diversity.lambda <= 1 else {
      throw VecError(.invalidArgument, "the lambda of diversity is \(diversity.lambda), must be 0 to 1")
    }
    if let pool = diversity.pool { try Limits.check(pool, k...Limits.kMax, "the pool of diversity") }
  }
}
