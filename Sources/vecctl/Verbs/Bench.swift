import ArgumentParser
import VecAttributes
import VecClient
import VecCore
import VecFiles

struct Bench: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Measure queries per second, latency and recall against exact.",
    discussion: """
      Each connection has one request of --batch queries under way at any time. Latency is that of a request, from
      before it is sent until its reply is read. Recall is the share of the exact top k that is found, over up to
      1000 queries. Requests answered "overloaded" are counted apart.

      Example:
        vecctl bench books --queries users.npy -k 100 --connections 4 --batch 1 --seconds 10
        vecctl bench shop --queries users.npy -k 100 --filter 'price < 20' --bias fresh
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var effortOptions: EffortOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: ArgumentHelp("Queries, (queries, dimension).", valueName: "q.npy")) var queries: String
  @Option(name: .short, help: "Results per query, 1 to 16384.") var k: Int
  @Flag(help: "The file is (users, K, dimension).") var interests = false
  @Option(help: ArgumentHelp("Only items for which this is true, e.g. 'price < 20'.", valueName: "expr")) var filter: String?
  @Option(help: ArgumentHelp("Set kept by vecd (verb exclude) whose ids no result may have.", valueName: "set"))
  var excludeSet: String?
  @Option(help: ArgumentHelp("Set kept by vecd (verb bias) whose biases are added to scores.", valueName: "set"))
  var bias: String?
  @Option(help: "Label of the generation to ask. Default: the live one.") var generation: String?
  @Option(help: "Connections, 1 to 64.") var connections = 1
  @Option(help: "Queries per request, 1 to 4096.") var batch = 1
  @Option(help: "How long to measure, 0.1 to 3600.") var seconds = 5.0

  func execute() async throws {
    try EffortOptions.checkK(k)
    try Limits.check(connections, 1...64, "--connections")
    try Limits.check(seconds, 0.1...3600, "--seconds")
    if let excludeSet { try Names.checkExcludeSet(excludeSet) }
    if let bias { try Names.checkBiasSet(bias) }
    let template = SearchTemplate(
      collection: name, generation: generation, k: k, effort: try effortOptions.effort(),
      index: try effortOptions.indexType(), excludeSet: excludeSet,
      filter: try filter.map { (text) throws(VecError) in try Filter(parsing: text).encode() } ?? [], bias: bias)
    let set = try QuerySet(path: queries, hasInterests: interests)
    let limit = template.queriesPerRequest(interests: set.interests, dimension: set.dimension)
    try Limits.check(batch, 1...limit, "--batch (for this k and these queries)")
    let run = BenchRun(
      socketPath: try global.socketPath(), template: template, queries: set, connections: connections, batch: batch,
      seconds: seconds)
    let report = try await run.execute()
    answer(json: report.json, text: report.text)
  }
}
