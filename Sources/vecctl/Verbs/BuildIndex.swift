import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct BuildIndex: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Build the index of a generation, so that it can be searched and published.",
    discussion: """
      This version has flat, the exact index. Without --wait the build goes on in the daemon; follow it with
      vecctl generations.

      Examples:
        vecctl build-index books --type flat --wait
        vecctl build-index books --generation monday --type flat
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label. Default: the one being built.") var generation: String?
  @Option(help: "flat, ivf, hnsw or auto.") var type: String
  @Option(help: ArgumentHelp("Sample of real queries, for calibration; flat needs none.", valueName: "sample.npy"))
  var queries: String?
  @Option(help: ArgumentHelp("Recall to reach; flat always has 1.", valueName: "share")) var targetRecall: Double?
  @Flag(help: "Return when the index is built.") var wait = false

  func execute() async throws {
    let index = IndexType(name: type)
    guard index != nil || type == "auto" else {
      throw VecError(.invalidArgument, "--type is \(Names.quoted(type)), must be flat, ivf, hnsw or auto")
    }
    if let targetRecall, !(targetRecall > 0 && targetRecall <= 1) {
      throw VecError(.invalidArgument, "--target-recall is \(targetRecall), must be above 0 and at most 1")
    }
    if let queries { _ = try QuerySource(path: queries, hasInterests: false) }
    if index == .flat, queries != nil || targetRecall != nil {
      Output.talk("vecctl: flat is exact; --queries and --target-recall change nothing")
    }
    let label = try await global.withClient { client in
      guard wait, Output.talksToTerminal else {
        return try await client.buildIndex(collection: name, generation: generation, index: index, wait: wait)
      }
      return try await watched(client, index)
    }
    answer(
      json: .object([
        ("collection", .string(name)), ("generation", .string(label)), ("index", .string(type)), ("built", .bool(wait)),
      ]),
      text: "\(name): \(type) index of generation \(label) \(wait ? "is built" : "is being built")")
  }

  /// Waits for the build with a progress bar, fed by `generations` on the same connection.
  private func watched(_ client: VecClient, _ index: IndexType?) async throws -> String {
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
      let label = try await client.buildIndex(collection: name, generation: generation, index: index, wait: true)
      poll.cancel()
      await poll.value
      return label
    } catch {
      poll.cancel()
      await poll.value
      throw error
    }
  }
}
