/// The constants of `Formats/protocol.md` that are not limits of the product.
package enum WireProtocol {
  /// The bytes "VECD" as a little-endian number.
  package static let magic: UInt32 = 0x4443_4556
  /// The one version that this build speaks.
  package static let version: UInt16 = 1
  /// Set in the kind of a reply.
  package static let replyBit: UInt16 = 0x8000
}

/// What a message is about. Raw values are the kinds of request frames.
package enum MessageKind: UInt16, CaseIterable, Sendable {
  case hello = 1
  case ping = 2
  case create = 3
  case list = 4
  case drop = 5
  case ingestBegin = 6
  case ingestRows = 7
  case ingestCommit = 8
  case ingestAbort = 9
  case buildIndex = 10
  case publish = 11
  case rollback = 12
  case verify = 13
  case generations = 14
  case search = 15
  case get = 16
  case stats = 17
  case upsert = 18
  case delete = 19
  case seal = 20
  case compact = 21
  case snapshot = 22
  case cancelBuild = 23
  case describe = 24
  case addAttribute = 25
  case exclude = 26
  case forgetExclusions = 27
  case exclusions = 28
  case configure = 29
  case capturedQueries = 30
  case publishTogether = 31
  case bias = 32
  case forgetBiases = 33
  case biases = 34

  /// The name of the message in `Formats/protocol.md`, for logs and messages.
  package var name: String {
    switch self {
    case .hello: "hello"
    case .ping: "ping"
    case .create: "create"
    case .list: "list"
    case .drop: "drop"
    case .ingestBegin: "ingest begin"
    case .ingestRows: "ingest rows"
    case .ingestCommit: "ingest commit"
    case .ingestAbort: "ingest abort"
    case .buildIndex: "build index"
    case .publish: "publish"
    case .rollback: "rollback"
    case .verify: "verify"
    case .generations: "generations"
    case .search: "search"
    case .get: "get"
    case .stats: "stats"
    case .upsert: "upsert"
    case .delete: "delete"
    case .seal: "seal"
    case .compact: "compact"
    case .snapshot: "snapshot"
    case .cancelBuild: "cancel build"
    case .describe: "describe"
    case .addAttribute: "add attribute"
    case .exclude: "exclude"
    case .forgetExclusions: "forget exclusions"
    case .exclusions: "exclusions"
    case .configure: "configure"
    case .capturedQueries: "captured queries"
    case .publishTogether: "publish together"
    case .bias: "bias"
    case .forgetBiases: "forget biases"
    case .biases: "biases"
    }
  }

  /// Whether asking twice has the same effect as asking once, so that a client may ask again after a lost connection.
  /// Of upserts and deletes their token decides: see `Request.isIdempotent`.
  package var isIdempotent: Bool {
    switch self {
    // Ids that are appended twice live a little longer, and are in the set once.
    case .ping, .list, .generations, .search, .get, .stats, .describe, .exclude, .exclusions, .configure, .capturedQueries,
      .bias, .biases:
      true
    default: false
    }
  }

  /// Whether the daemon's default deadline applies to requests that state none; the others may take hours.
  package var hasDefaultDeadline: Bool {
    switch self {
    case .ingestBegin, .ingestRows, .ingestCommit, .ingestAbort, .buildIndex, .publish, .rollback, .verify, .seal,
      .compact, .snapshot, .publishTogether: false
    default: true
    }
  }
}
