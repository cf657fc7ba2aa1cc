/// Biases to put into a named set, which searches that name it add to scores.
public struct BiasRequest: Sendable, Equatable {
  public var collection: String
  /// The set's name: 1 to 64 of `A-Z a-z 0-9 . _ : -`, first one a letter or digit.
  public var set: String
  /// 1 to `Limits.biasIdsMax`; of equal ones the last counts.
  public var ids: [UInt64]
  /// One per id: finite, of at most `Limits.biasMax` magnitude. 0 takes an id out of the set.
  public var values: [Float]

  public init(collection: String, set: String, ids: [UInt64], values: [Float]) {
    self.collection = collection
    self.set = set
    self.ids = ids
    self.values = values
  }

  /// - Throws: `invalid-argument`, `limit-exceeded`.
  package func checkValues() throws(VecError) {
    try Limits.check(ids.count, 1...Limits.biasIdsMax, "the number of ids in one bias request")
    guard values.count == ids.count else {
      throw VecError(.invalidArgument, "\(values.count) biases for \(ids.count) ids; give one for each")
    }
    guard let place = values.firstIndex(where: { !($0.magnitude <= Limits.biasMax) }) else { return }
    throw VecError(
      .invalidArgument,
      "the bias of id \(ids[place]) is \(values[place]), must be a number between -\(Limits.biasMax) and \(Limits.biasMax)")
  }
}

/// What is in a named set of biases now.
public struct Biases: Sendable, Equatable {
  /// Ascending.
  public var ids: [UInt64]
  /// One per id, not 0.
  public var values: [Float]

  public init(ids: [UInt64] = [], values: [Float] = []) {
    self.ids = ids
    self.values = values
  }
}

/// A change of a named set of biases.
package enum BiasWrite: Sendable, Equatable {
  case put(BiasRequest)
  case forget(NamedSetRequest)

  package var address: NamedSetRequest {
    switch self {
    case .put(let put): NamedSetRequest(collection: put.collection, set: put.set)
    case .forget(let forget): forget
    }
  }
}
