import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct BuildIndex: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Build the index of a generation, so that it can be searched and published.",
    discussion: """
      flat is exact and needs no structure; ivf looks only into the lists of rows that are near a query; hnsw walks a
      graph of near rows; auto makes both and lets every search use the cheapest index that reaches its recall, flat
      included. Recall is measured while building, best with a sample of real queries. Without --wait the build goes
      on in the daemon; follow it with vecctl generations.

      Examples:
        vecctl build-index books --type flat --wait
        vecctl build-index books --type auto --queries users.npy --target-recall 0.95 --wait
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label. Default: the one being built.") var generation: String?
  @Option(help: "flat, ivf, hnsw or auto.") var type: String
  @Option(
    help: ArgumentHelp(
      "Real queries to measure recall with, up to 65536; flat needs none. Default: made from rows.",
      valueName: "sample.npy"))
  var queries: String?
  @Option(
    help: ArgumentHelp(
      "Recall that searches aim at which name none. Default: 0.95; flat always has 1.", valueName: "share"))
  var targetRecall: Float?
  @Flag(help: "Return when the index is built.") var wait = false

  func execute() async throws {
    let index = IndexType(name: type)
    guard index != nil || type == "auto" else {
      throw VecError(.invalidArgument, "--type is \(Names.quoted(type)), must be flat, ivf, hnsw or auto")
    }
    if let targetRecall, !(targetRecall > 0 && targetRecall <= 1) {
      throw VecError(.invalidArgument, "--target-recall is \(targetRecall), must be above 0 and at most 1")
    }
    let sample = try queries.map { (path) throws(VecError) in try Self.sample(path) }
    if index == .flat, queries != nil || targetRecall != nil {
      Output.talk("vecctl: flat is exact; --target-recall changes nothing, --queries are kept for the checks of a publish")
    }
    let receipt = try await global.withClient { client in
      guard wait, Output.talksToTerminal else { return try await build(client, index, sample) }
      return try await watched(client, index, sample)
    }
    answer(
      json: .object([
        ("collection", .string(name)), ("generation", .string(receipt.generation)), ("index", .string(type)),
        ("built", .bool(wait)), ("report", receipt.report.map { .verbatim($0) } ?? .null),
      ]),
      text: "\(name): \(type) index of generation \(receipt.generation) \(wait ? "is built" : "is being built")")
    if !global.json, let report = receipt.report.flatMap(BuildReport.init(json:)) { report.tell() }
  }

  private func build(_ client: VecClient, _ index: IndexType?, _ sample: QuerySample?) async throws -> BuildReceipt {
    try await client.buildIndex(
      collection: name, generation: generation, index: index, targetRecall: targetRecall, sample: sample, wait: wait)
  }

  private static func sample(_ path: String) throws(VecError) -> QuerySample {
    let source = try QuerySource(path: path, hasInterests: false)
    guard let block = try source.next(limit: Limits.sampleQueriesMax) else {
      throw VecError(.malformedFile, "\(path): holds no queries; a sample needs at least one")
    }
    guard block.queryCount == source.queryCount else {
      throw VecError(
        .limitExceeded, "\(path): a sample holds at most \(Limits.sampleQueriesMax) queries, this one \(source.queryCount)")
    }
    return QuerySample(dimension: source.dimension, vectors: block.vectors)
  }

  /// Waits for the build with a progress bar, fed by `generations` on the same connection.
  private func watched(
    _ client: VecClient, _ index: IndexType?, _ sample: QuerySample?
  ) async throws -> BuildReceipt {
    let poll = Task {
      let bar = ProgressBar(title: "build-index", unit: "rows")
      defer { bar.clear() }
      while !Task.isCancelled {
        let progress = try? await client.generations(collection: name).compactMap(\.buildProgress).max()
        if let progress { bar.show(share: Double(progress)) }
        try? await Task.sleep(for: .milliseconds(200))
      }
    }
    do {
      let receipt = try await build(client, index, sample)
      poll.cancel()
      await poll.value
      return receipt
    } catch {
      poll.cancel()
      await poll.value
      throw error
    }
  }
}
