import ArgumentParser
import VecCore
import VecFiles

/// What must hold of a generation before it is published.
struct CheckOptions: ParsableArguments {
  @Option(help: ArgumentHelp("It has at least so many rows.", valueName: "n")) var minRows: UInt64?
  @Option(help: ArgumentHelp("Its rows are at least this share of the live generation's.", valueName: "share"))
  var minShare: Float?
  @Option(help: ArgumentHelp("Recall of its searches at its own target, 0 to 1.", valueName: "share")) var minRecall: Float?
  @Option(
    help: ArgumentHelp("Share of the live generation's results that it finds too, 0 to 1.", valueName: "share"))
  var minOverlap: Float?
  @Option(
    help: ArgumentHelp(
      "How far its mean score may be from the live generation's, in standard deviations.", valueName: "n"))
  var maxDrift: Float?
  @Option(help: ArgumentHelp("Share of its rows that no query is answered with, 0 to 1.", valueName: "share"))
  var maxUnseen: Float?
  @Option(help: ArgumentHelp("The model version that it carries.", valueName: "version")) var model: String?
  @Option(name: .short, help: "Results per query of these checks, 1 to 16384. Default: 100.") var k: Int?
  @Option(
    help: ArgumentHelp(
      "Queries of the checks, (queries, dimension). Default: captured ones, then the sample of its build.",
      valueName: "q.npy"))
  var queries: String?
  @Option(
    help: ArgumentHelp("The same users as the live generation's model sees them, if it is another one.", valueName: "q.npy"))
  var liveQueries: String?
  @Flag(help: "Measure everything, publish nothing.") var dryRun = false

  func checks() throws(VecError) -> PublishChecks {
    PublishChecks(
      leastRows: minRows, leastShare: minShare, leastRecall: minRecall, leastOverlap: minOverlap, greatestDrift: maxDrift,
      greatestUnseen: maxUnseen, model: model, k: k,
      queries: try queries.map { (path) throws(VecError) in try Self.queries(path) },
      liveQueries: try liveQueries.map { (path) throws(VecError) in try Self.queries(path) }, isDryRun: dryRun)
  }

  private static func queries(_ path: String) throws(VecError) -> QuerySample {
    let source = try QuerySource(path: path, hasInterests: false)
    try Limits.check(source.queryCount, 1...Limits.publishQueriesMax, "\(path): the number of queries")
    guard let block = try source.next(limit: source.queryCount) else {
      throw VecError(.malformedFile, "\(path): holds no queries; a check needs at least one")
    }
    return QuerySample(dimension: source.dimension, vectors: block.vectors)
  }
}
