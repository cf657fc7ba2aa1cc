/// How a query and an item are compared. Raw values are those of files and frames.
public enum Metric: UInt8, CaseIterable, Sendable {
  /// Inner product; larger is better.
  case ip = 0
  /// Cosine of the angle; larger is better.
  case cosine = 1
  /// Squared Euclidean distance; smaller is better.
  case l2 = 2

  /// The name of the command line and the manifest.
  public var name: String {
    switch self {
    case .ip: "ip"
    case .cosine: "cosine"
    case .l2: "l2"
    }
  }

  public init?(name: String) {
    guard let metric = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = metric
  }
}

/// How a component of a stored vector is represented. Raw values are those of files and frames.
public enum ElementType: UInt8, CaseIterable, Sendable {
  case f32 = 0
  /// IEEE binary16.
  case f16 = 1
  /// The upper half of a binary32.
  case bf16 = 2

  public var byteCount: Int { self == .f32 ? 4 : 2 }

  public var name: String {
    switch self {
    case .f32: "f32"
    case .f16: "f16"
    case .bf16: "bf16"
    }
  }

  public init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}

/// The kind of index a generation is searched with. Raw values are those of frames.
public enum IndexType: UInt8, CaseIterable, Sendable {
  case flat = 1
  case ivf = 2
  case hnsw = 3

  public var name: String {
    switch self {
    case .flat: "flat"
    case .ivf: "ivf"
    case .hnsw: "hnsw"
    }
  }

  public init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}

/// Where a generation is in its life. Raw values are those of frames.
public enum GenerationState: UInt8, CaseIterable, Sendable {
  /// Takes rows; cannot be searched.
  case building = 0
  /// Has an index; can be published, and searched by its label.
  case built = 1
  /// Answers requests that name no generation.
  case live = 2
  /// Was live once; can be rolled back to.
  case retired = 3

  public var name: String {
    switch self {
    case .building: "building"
    case .built: "built"
    case .live: "live"
    case .retired: "retired"
    }
  }

  public init?(name: String) {
    guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = state
  }
}
