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
        vecctl create shop --dim 64 --metric ip --attribute price:float --attribute tags:keywords
        vecctl create skus --dim 64 --metric ip --string-ids
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Name: 1 to 64 of a-z 0-9 _ -.") var name: String
  @Option(help: "Values per vector, 1 to 4096.") var dim: Int
  @Option(help: "ip (inner product), cosine, or l2 (squared Euclidean distance).") var metric: String
  @Option(
    help: ArgumentHelp(
      "What items may have and filters ask for; the type is int, float, bool, keyword or keywords. May be repeated.",
      valueName: "name:type"))
  var attribute: [String] = []
  @Flag(help: "Items are known by texts instead of numbers, for good.") var stringIds = false

  func execute() async throws {
    let attributes = try attribute.map { (text) throws(VecError) in try AttributeArguments.definition(text) }
    try AttributeDefinition.check(attributes)
    try Names.checkCollection(name)
    guard let metric = Metric(name: metric) else {
      throw VecError(.invalidArgument, "--metric is \(Names.quoted(metric)), must be ip, cosine or l2")
    }
    try Limits.check(dim, 1...Limits.dimensionMax, "--dim")
    let ids: IDKind = stringIds ? .string : .number
    try await global.withClient { client in
      try await client.create(collection: name, dimension: dim, metric: metric, attributes: attributes, ids: ids)
    }
    answer(
      json: .object([
        ("collection", .string(name)), ("dimension", .count(dim)), ("metric", .string(metric.name)),
        ("attributes", .array(attributes.map { .string($0.name) })), ("ids", .string(ids.name)),
      ]),
      text: "created \(name): dimension \(dim), metric \(metric.name)" + (stringIds ? ", string ids" : "")
        + (attributes.isEmpty ? "" : ", attributes " + attributes.map(\.name).joined(separator: ", ")))
  }
}
