import ArgumentParser
import VecClient
import VecCore

struct Create: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make an empty collection.",
    discussion: """
      Examples:
        vecctl create books --dim 64 --metric ip
        vecctl create covers --dim 512 --metric cosine
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Name: 1 to 64 of a-z 0-9 _ -.") var name: String
  @Option(help: "Values per vector, 1 to 4096.") var dim: Int
  @Option(help: "ip (inner product), cosine, or l2 (squared Euclidean distance).") var metric: String
  @Option(help: ArgumentHelp("Not available in this version.", valueName: "name:type")) var attribute: [String] = []

  func execute() async throws {
    try NotAvailable.refuse(!attribute.isEmpty, "--attribute", "attributes")
    try Names.checkCollection(name)
    guard let metric = Metric(name: metric) else {
      throw VecError(.invalidArgument, "--metric is \(Names.quoted(metric)), must be ip, cosine or l2")
    }
    try Limits.check(dim, 1...Limits.dimensionMax, "--dim")
    try await global.withClient { client in try await client.create(collection: name, dimension: dim, metric: metric) }
    answer(
      json: .object([("collection", .string(name)), ("dimension", .count(dim)), ("metric", .string(metric.name))]),
      text: "created \(name): dimension \(dim), metric \(metric.name)")
  }
}
