import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct Configure: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Change settings of a collection; what is not named stays.",
    discussion: """
      --model-policy: what becomes of a search that states another model version than the generation carries: refuse, route
      (to the generation that carries it and was live last) or count (in stats). --capture: how many real queries vecd keeps,
      for builds and checks; 0 forgets them. --gauge: the share of search requests of which one query is searched exactly
      besides, for recall_gauge in stats.

      Examples:
        vecctl configure books --model-policy route
        vecctl configure books --capture 4096 --gauge 0.01
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: ArgumentHelp("refuse, route or count.", valueName: "policy")) var modelPolicy: String?
  @Option(help: ArgumentHelp("Real queries to keep, 0 to 65536, within 16 MiB.", valueName: "n")) var capture: Int?
  @Option(help: ArgumentHelp("Share of search requests, 0 to 1.", valueName: "share")) var gauge: Float?

  func execute() async throws {
    let policy = try modelPolicy.map { (text) throws(VecError) -> ModelPolicy in
      guard let policy = ModelPolicy(name: text) else {
        throw VecError(.invalidArgument, "--model-policy is \(Names.quoted(text)), must be refuse, route or count")
      }
      return policy
    }
    let change = SettingsChange(modelPolicy: policy, capturedQueries: capture, gaugeShare: gauge)
    let now = try await global.withClient { client in
      try await client.configure(collection: name, change)
      return try await client.describe(collection: name).settings
    }
    answer(
      json: .object([("collection", .string(name)), ("settings", now.json)]), text: "\(name): \(now.text)")
  }
}

struct Captured: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Write the real queries that vecd keeps of a collection to a file.",
    discussion: """
      Those of the model version that the generation carries, oldest first, of shape (queries, dimension), float32.

      Example:
        vecctl captured books --out queries.npy
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label of the generation whose model version is meant. Default: the live one.") var generation: String?
  @Option(help: ArgumentHelp("The file to write; an existing one is replaced.", valueName: "q.npy")) var out: String

  func execute() async throws {
    let found = try await global.withClient { client in
      try await client.capturedQueries(collection: name, generation: generation)
    }
    let file = try NpyWriter(path: out, type: .f4, shape: [found.count, found.dimension])
    try file.append(found.vectors)
    try file.finish()
    answer(
      json: .object([("collection", .string(name)), ("queries", .count(found.count)), ("file", .string(out))]),
      text: "\(name): \(Readable.count(UInt64(found.count), "query", "queries")) in \(out)")
  }
}

extension CollectionSettings {
  var json: JSON {
    .object([
      ("model_policy", .string(modelPolicy.name)), ("captured_queries", .count(capturedQueries)),
      ("gauge_share", .float(gaugeShare)),
    ])
  }

  var text: String {
    "model policy \(modelPolicy.name), "
      + (capturedQueries == 0 ? "captures no queries" : "captures \(Readable.count(UInt64(capturedQueries), "query", "queries"))")
      + ", gauges \(gaugeShare == 0 ? "no" : "\(gaugeShare) of its") searches"
  }
}
