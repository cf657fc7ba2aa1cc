import ArgumentParser
import Glibc
import VecClient
import VecCore

struct Drop: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Remove a collection, or one generation that is not live. This cannot be undone.",
    discussion: """
      Asks on a terminal; elsewhere --yes is needed.

      Examples:
        vecctl drop books --generation monday
        vecctl drop books --yes
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Remove this generation alone.") var generation: String?
  @Flag(help: "Do not ask.") var yes = false

  func execute() async throws {
    let what = generation.map { "generation \($0) of collection \(name)" } ?? "collection \(name) and all its generations"
    if !yes { try Self.confirm(what) }
    try await global.withClient { client in try await client.drop(collection: name, generation: generation) }
    answer(
      json: .object([("collection", .string(name)), ("generation", .optional(generation)), ("dropped", .bool(true))]),
      text: "dropped \(what)")
  }

  private static func confirm(_ what: String) throws(VecError) {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
      throw VecError(.invalidArgument, "drop of \(what) cannot be undone and nobody can be asked here; add --yes")
    }
    Output.raw("Drop \(what)? This cannot be undone. Type yes: ", to: STDERR_FILENO)
    guard readLine()?.lowercased() == "yes" else {
      throw VecError(.invalidArgument, "not confirmed with \"yes\"; nothing was dropped")
    }
  }
}
