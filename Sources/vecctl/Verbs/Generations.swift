import ArgumentParser
import VecClient
import VecCore

struct Generations: Verb {
  static let configuration = CommandConfiguration(
    abstract: "List the generations of a collection, oldest first.",
    discussion: """
      Example:
        vecctl generations books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String

  func execute() async throws {
    let found = try await global.withClient { client in try await client.generations(collection: name) }
    answer(
      json: .object([("collection", .string(name)), ("generations", .array(found.map(\.json)))]),
      text: Self.table(found))
  }

  private static func table(_ generations: [GenerationInfo]) -> String {
    var table = Table([
      ("GENERATION", .left), ("STATE", .left), ("INDEX", .left), ("ROWS", .right), ("SIZE", .right),
      ("CREATED", .left), ("PUBLISHED", .left), ("MODEL", .left), ("NOTE", .left),
    ])
    for generation in generations {
      let building = generation.buildProgress.map { "building \(Int($0 * 100)) %" }
      table.add([
        generation.label, generation.state.name, generation.index?.name ?? "-", Readable.count(generation.rowCount),
        Readable.bytes(generation.byteCount), Readable.time(generation.createdAt), Readable.time(generation.publishedAt),
        generation.model ?? "-", building ?? generation.buildError.map { "last build failed: \($0)" } ?? "",
      ])
    }
    return table.text
  }
}

extension GenerationInfo {
  fileprivate var json: JSON {
    .object([
      ("label", .string(label)), ("number", .unsigned(number)), ("state", .string(state.name)),
      ("index", .optional(index?.name)), ("rows", .unsigned(rowCount)), ("bytes", .unsigned(byteCount)),
      ("segments", .count(segmentCount)), ("created_ms", .signed(createdAt)),
      ("built_ms", builtAt.map { .signed($0) } ?? .null), ("published_ms", publishedAt.map { .signed($0) } ?? .null),
      ("build_progress", buildProgress.map { .float($0) } ?? .null), ("build_error", .optional(buildError)),
      ("model", .optional(model)),
    ])
  }
}
