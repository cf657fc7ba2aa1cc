package import VecCore

/// Every request, with its values in the types of the rest of vecd. An empty name on the wire is nil here.
package enum Request: Sendable, Equatable {
  case hello(HelloRequest)
  /// Opaque bytes that come back.
  case ping([UInt8])
  case create(CreateRequest)
  case list
  case drop(DropRequest)
  case ingestBegin(IngestBeginRequest)
  case ingestRows(IngestRows)
  case ingestCommit(ingest: UInt64)
  case ingestAbort(ingest: UInt64)
  case buildIndex(BuildIndexRequest)
  case publish(PublishRequest)
  case rollback(collection: String)
  /// Nil verifies the whole store.
  case verify(collection: String?)
  case generations(GenerationsRequest)
  case search(SearchRequest)
  case get(GetRequest)
  case stats
  case upsert(UpsertRequest)
  case delete(DeleteRequest)
  case seal(GenerationRequest)
  case compact(GenerationRequest)
  case snapshot(name: String)
  case cancelBuild(GenerationRequest)
  case describe(collection: String)
  case addAttribute(AddAttributeRequest)
  case exclude(ExcludeRequest)
  case forgetExclusions(NamedSetRequest)
  case exclusions(NamedSetRequest)
  case configure(ConfigureRequest)
  case capturedQueries(GenerationRequest)
  case publishTogether([PublishRequest])
  case bias(BiasRequest)
  case forgetBiases(NamedSetRequest)
  case biases(NamedSetRequest)

  package var kind: MessageKind {
    switch self {
    case .hello: .hello
    case .ping: .ping
    case .create: .create
    case .list: .list
    case .drop: .drop
    case .ingestBegin: .ingestBegin
    case .ingestRows: .ingestRows
    case .ingestCommit: .ingestCommit
    case .ingestAbort: .ingestAbort
    case .buildIndex: .buildIndex
    case .publish: .publish
    case .rollback: .rollback
    case .verify: .verify
    case .generations: .generations
    case .search: .search
    case .get: .get
    case .stats: .stats
    case .upsert: .upsert
    case .delete: .delete
    case .seal: .seal
    case .compact: .compact
    case .snapshot: .snapshot
    case .cancelBuild: .cancelBuild
    case .describe: .describe
    case .addAttribute: .addAttribute
    case .exclude: .exclude
    case .forgetExclusions: .forgetExclusions
    case .exclusions: .exclusions
    case .configure: .configure
    case .capturedQueries: .capturedQueries
    case .publishTogether: .publishTogether
    case .bias: .bias
    case .forgetBiases: .forgetBiases
    case .biases: .biases
    }
  }

  /// Whether sending it twice has the same effect as sending it once: what only asks, and writes with a token.
  package var isIdempotent: Bool {
    switch self {
    case .upsert(let upsert): upsert.token != nil
    case .delete(let delete): delete.token != nil
    default: kind.isIdempotent
    }
  }
}

/// The first request of a connection.
package struct HelloRequest: Sendable, Equatable {
  package var leastVersion: UInt16
  package var greatestVersion: UInt16
  /// For the daemon's log only.
  package var clientName: String

  package init(
    leastVersion: UInt16 = WireProtocol.version, greatestVersion: UInt16 = WireProtocol.version, clientName: String
  ) {
    self.leastVersion = leastVersion
    self.greatestVersion = greatestVersion
    self.clientName = clientName
  }

  /// The version to speak with this client.
  ///
  /// - Throws: `unsupported-version` when its range does not hold `WireProtocol.version`.
  package func chosenVersion() throws(VecError) -> UInt16 {
    guard leastVersion <= WireProtocol.version, WireProtocol.version <= greatestVersion else {
      throw VecError(
        .unsupportedVersion,
        "the client speaks protocol versions \(leastVersion) to \(greatestVersion), this daemon speaks "
          + "\(WireProtocol.version); use a client and a daemon of the same release")
    }
    return WireProtocol.version
  }
}

package struct CreateRequest: Sendable, Equatable {
  package var collection: String
  package var dimension: Int
  package var metric: Metric
  /// In the order of their positions.
  package var attributes: [AttributeDefinition]
  /// What its items are known by.
  package var ids: IDKind

  package init(
    collection: String, dimension: Int, metric: Metric, attributes: [AttributeDefinition] = [], ids: IDKind = .number
  ) {
    self.collection = collection
    self.dimension = dimension
    self.metric = metric
    self.attributes = attributes
    self.ids = ids
  }
}

package struct AddAttributeRequest: Sendable, Equatable {
  package var collection: String
  package var attribute: AttributeDefinition

  package init(collection: String, attribute: AttributeDefinition) {
    self.collection = collection
    self.attribute = attribute
  }
}

package struct DropRequest: Sendable, Equatable {
  package var collection: String
  /// Nil drops the whole collection.
  package var generation: String?

  package init(collection: String, generation: String? = nil) {
    self.collection = collection
    self.generation = generation
  }
}

package struct IngestBeginRequest: Sendable, Equatable {
  package var collection: String
  /// Nil takes the only building generation, or makes one.
  package var generation: String?
  /// Version of the model that made the vectors; nil says nothing about it.
  package var model: String?

  package init(collection: String, generation: String? = nil, model: String? = nil) {
    self.collection = collection
    self.generation = generation
    self.model = model
  }
}

package struct GenerationsRequest: Sendable, Equatable {
  package var collection: String
  /// Whether the reply tells the model version of each.
  package var withModels: Bool

  package init(collection: String, withModels: Bool = false) {
    self.collection = collection
    self.withModels = withModels
  }
}

package struct ConfigureRequest: Sendable, Equatable {
  package var collection: String
  package var change: SettingsChange

  package init(collection: String, change: SettingsChange) {
    self.collection = collection
    self.change = change
  }
}

/// Names one generation to do something about.
package struct GenerationRequest: Sendable, Equatable {
  package var collection: String
  /// Nil takes the live one; of cancel build the only one that an index is built for.
  package var generation: String?

  package init(collection: String, generation: String? = nil) {
    self.collection = collection
    self.generation = generation
  }
}

package struct GetRequest: Sendable, Equatable {
  package var collection: String
  /// Nil asks the live one.
  package var generation: String?
  package var ids: [UInt64]
  /// What comes with each vector.
  package var fields: ItemFields

  package init(collection: String, generation: String? = nil, ids: [UInt64], fields: ItemFields = []) {
    self.collection = collection
    self.generation = generation
    self.ids = ids
    self.fields = fields
  }
}
