import ArgumentParser
import VecClient
import VecCore

struct CancelBuild: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Call off an index build; its generation stays as it was.",
    discussion: """
      It ends soon after; vecctl generations shows when. That no build runs is no error.

      Example:
        vecctl cancel-build books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label of the generation. Default: the only one that an index is built for.") var generation: String?

  func execute() async throws {
    let wasRunning = try await global.withClient { client in
      try await client.cancelBuild(collection: name, generation: generation)
    }
    let what = generation.map { "generation \($0)" } ?? "it"
    answer(
      json: .object([
        ("collection", .string(name)), ("generation", .optional(generation)), ("cancelled", .bool(wasRunning)),
      ]),
      text: wasRunning ? "\(name): the build was called off" : "\(name): no index is being built for \(what)")
  }
}
