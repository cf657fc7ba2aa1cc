/// What becomes of a search whose vectors are of another model version than the items of the generation that would answer.
public enum ModelPolicy: UInt8, CaseIterable, Sendable {
  case refuse = 0
  /// To the generation that carries the version and went live last.
  case route = 1
  /// Answered all the same, and counted.
  case count = 2

  public var name: String {
    switch self {
    case .refuse: "refuse"
    case .route: "route"
    case .count: "count"
    }
  }

  public init?(name: String) {
    guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }
}

/// What may be set about a collection at any time.
public struct CollectionSettings: Sendable, Equatable {
  public var modelPolicy = ModelPolicy.refuse
  /// Real queries that are kept, 0 to `Limits.capturedQueriesMax`.
  public var capturedQueries = 0
  /// Share of search requests of which one query is searched exactly besides, 0 to 1.
  public var gaugeShare: Float = 0

  public init() {}
}

/// New values of some settings; nil leaves one as it is.
public struct SettingsChange: Sendable, Equatable {
  public var modelPolicy: ModelPolicy?
  public var capturedQueries: Int?
  public var gaugeShare: Float?

  public init(modelPolicy: ModelPolicy? = nil, capturedQueries: Int? = nil, gaugeShare: Float? = nil) {
    self.modelPolicy = modelPolicy
    self.capturedQueries = capturedQueries
    self.gaugeShare = gaugeShare
  }

  /// - Throws: `invalid-argument` when nothing is set or the share is none, `limit-exceeded` for too many queries.
  package func check() throws(VecError) {
    guard self != SettingsChange() else {
      throw VecError(.invalidArgument, "nothing to configure: give a model policy, captured queries or a gauge share")
    }
    if let capturedQueries {
      try Limits.check(capturedQueries, 0...Limits.capturedQueriesMax, "the number of captured queries")
    }
    if let gaugeShare, !(gaugeShare >= 0 && gaugeShare <= 1) {
      throw VecError(.invalidArgument, "the gauge share is \(gaugeShare), must be 0 to 1")
    }
  }
}

extension CollectionSettings {
  /// The same with some of them changed.
  public func changed(by change: SettingsChange) -> CollectionSettings {
    var settings = self
    settings.modelPolicy = change.modelPolicy ?? modelPolicy
    settings.capturedQueries = change.capturedQueries ?? capturedQueries
    settings.gaugeShare = change.gaugeShare ?? gaugeShare
    return settings
  }

  /// Those that are not the default.
  package var asChange: SettingsChange {
    let standard = CollectionSettings()
    return SettingsChange(
      modelPolicy: modelPolicy == standard.modelPolicy ? nil : modelPolicy,
      capturedQueries: capturedQueries == standard.capturedQueries ? nil : capturedQueries,
      gaugeShare: gaugeShare == standard.gaugeShare ? nil : gaugeShare)
  }
}
