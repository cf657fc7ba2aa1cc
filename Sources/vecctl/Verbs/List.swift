import ArgumentParser
import VecClient
import VecCore

struct List: Verb {
  static let configuration = CommandConfiguration(abstract: "List the collections.")

  @OptionGroup var global: GlobalOptions

  func execute() async throws {
    let found = try await global.withClient { client in try await client.list() }
    answer(json: .object([("collections", .array(found.map(\.json)))]), text: Self.table(found))
  }

  private static func table(_ collections: [CollectionInfo]) -> String {
    var table = Table([
      ("COLLECTION", .left), ("DIM", .right), ("METRIC", .left), ("LIVE", .left), ("ROWS", .right),
      ("GENERATIONS", .right), ("STATE", .left),
    ])
    for collection in collections {
      table.add([
        collection.name, String(collection.dimension), collection.metric.name, collection.liveGeneration ?? "-",
        Readable.count(collection.liveRowCount), String(collection.generationCount),
        collection.fence.map { "fenced: \($0)" } ?? "healthy",
      ])
    }
    return table.text
  }
}

extension CollectionInfo {
  fileprivate var json: JSON {
    .object([
      ("name", .string(name)), ("dimension", .count(dimension)), ("metric", .string(metric.name)),
      ("sequence", .unsigned(sequence)), ("live_generation", .optional(liveGeneration)),
      ("live_rows", .unsigned(liveRowCount)), ("generations", .count(generationCount)), ("fence", .optional(fence)),
    ])
  }
}
