import VecCore
import VecIndex

/// Chooses the results of a query from candidates that come best first.
struct Selector {
  private let k: Int
  private let selection: SearchSelection
  /// Of the attribute to group by.
  private let position: Int?

  /// - Throws: `invalid-argument` when the attribute to group by is not there, or of a type that makes no groups.
  init(_ request: SearchRequest, _ attributes: [AttributeDefinition]) throws(VecError) {
    try request.selection.check(k: request.k, interests: request.interests)
    k = request.k
    selection = request.selection
    position = try selection.group.map { (group) throws(VecError) in try Self.position(of: group.attribute, attributes) }
  }

  private static func position(of name: String, _ attributes: [AttributeDefinition]) throws(VecError) -> Int {
    guard let position = attributes.firstIndex(where: { $0.name == name }) else {
      throw VecError(.invalidArgument, "there is no attribute \(Names.quoted(name)) to group by")
    }
    guard attributes[position].type != .float, attributes[position].type != .keywords else {
      throw VecError(
        .invalidArgument,
        "attribute \(Names.quoted(name)) is \(attributes[position].type.name), groups are made by int, bool or keyword")
    }
    return position
  }

  /// Candidates to begin with.
  var firstDepth: Int {
    if let diversity = selection.diversity { return diversity.pool ?? min(4 * k, Limits.kMax) }
    return 2 * k
  }

  /// - Parameters:
  ///   - candidates: best first.
  ///   - areAll: there are no others.
  /// - Returns: the results; nil when deeper candidates are needed.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so.
  func choose(
    _ candidates: [Hit], areAll: Bool, from generation: Generation, _ shouldStop: () -> Bool
  ) throws(VecError) -> [Hit]? {
    var rules = SelectionRules(
      k: k, quotas: selection.quotas, most: selection.group?.most ?? .max, groups: groups(of: candidates, generation))
    let places = try pick(candidates, rules, generation, shouldStop)
    if places.count == k || (areAll && places.count == candidates.count) { return places.map { candidates[$0] } }
    guard areAll else { return nil }
    // Interests that have fewer items than their least leave their places to the others.
    rules.lower(to: places, candidates)
    return try pick(candidates, rules, generation, shouldStop).map { candidates[$0] }
  }

  private func pick(
    _ candidates: [Hit], _ rules: SelectionRules, _ generation: Generation, _ shouldStop: () -> Bool
  ) throws(VecError) -> [Int] {
    if let diversity = selection.diversity {
      return try MarginalRelevance(candidates, lambda: diversity.lambda, vectors: generation.vectors(of: candidates.map(\.id)))
        .pick(candidates, rules, shouldStop)
    }
    var rules = rules
    var places: [Int] = []
    for (place, hit) in candidates.enumerated() where places.count < k && rules.allows(place, hit) {
      rules.take(place, hit)
      places.append(place)
    }
    return places
  }

  /// What each candidate's group is; empty without grouping, nil for one that is in none.
  private func groups(of candidates: [Hit], _ generation: Generation) -> [AttributeValue?] {
    position.map { generation.values(of: candidates.map(\.id), at: $0) } ?? []
  }
}

/// Which candidate may still be taken.
struct SelectionRules {
  let k: Int
  private var quotas: [SearchSelection.Quota]
  private let most: Int
  private let groups: [AttributeValue?]
  private var taken = 0
  private var won: [Int]
  /// Results that interests still lack of their least.
  private var lacking: Int
  private var held: [AttributeValue: Int] = [:]

  init(k: Int, quotas: [SearchSelection.Quota], most: Int, groups: [AttributeValue?]) {
    self.k = k
    self.quotas = quotas
    self.most = most
    self.groups = groups
    won = quotas.map { _ in 0 }
    lacking = quotas.reduce(0) { $0 + $1.least }
  }

  func allows(_ place: Int, _ hit: Hit) -> Bool {
    if !groups.isEmpty, let group = groups[place], held[group, default: 0] >= most { return false }
    guard !quotas.isEmpty else { return true }
    let interest = Int(hit.interest)
    if won[interest] >= quotas[interest].most { return false }
    return won[interest] < quotas[interest].least || k - taken > lacking
  }

  mutating func take(_ place: Int, _ hit: Hit) {
    taken += 1
    if !groups.isEmpty, let group = groups[place] { held[group, default: 0] += 1 }
    guard !quotas.isEmpty else { return }
    let interest = Int(hit.interest)
    if won[interest] < quotas[interest].least { lacking -= 1 }
    won[interest] += 1
  }

  /// Asks for no more of an interest than it won.
  mutating func lower(to places: [Int], _ candidates: [Hit]) {
    var counts = quotas.map { _ in 0 }
    for place in places where !quotas.isEmpty { counts[Int(candidates[place].interest)] += 1 }
    for interest in quotas.indices { quotas[interest].least = min(quotas[interest].least, counts[interest]) }
    lacking = quotas.reduce(0) { $0 + $1.least }
  }
}
