import ArgumentParser
import VecClient
import VecCore

struct Seal: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Move the rows that were upserted so far into a segment. The daemon does so by itself when it is due.",
    discussion: """
      Example:
        vecctl seal books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?

  func execute() async throws {
    let reply = try await global.withClient { client in
      try await client.seal(collection: name, generation: generation)
    }
    let done = try UpkeepReply(json: reply, of: "seal")
    let segments = Readable.count(done.segments ?? 0, "segment", "segments")
    answer(
      json: .object([("collection", .string(name))] + done.members),
      text: "\(name): \(Readable.count(done.rows ?? 0, "row", "rows")) of generation \(done.generation ?? "") sealed, "
        + "\(segments), sequence \(done.sequence ?? 0)")
  }
}

struct Compact: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Rewrite the segments of a generation without deleted rows, with the index it has.",
    discussion: """
      Searches and writes go on meanwhile. Ctrl-C calls it off; the generation stays as it was.

      Example:
        vecctl compact books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?

  func execute() async throws {
    let reply = try await global.withClient { client in
      try await client.compact(collection: name, generation: generation)
    }
    let done = try UpkeepReply(json: reply, of: "compact")
    let segments = Readable.count(done.segments ?? 0, "segment", "segments")
    answer(
      json: .object([("collection", .string(name))] + done.members),
      text: "\(name): \(Readable.count(done.rows ?? 0, "row", "rows")) of generation \(done.generation ?? "") in \(segments), "
        + "\(Readable.bytes(done.bytes_before ?? 0)) became \(Readable.bytes(done.bytes_after ?? 0)), "
        + "sequence \(done.sequence ?? 0)")
  }
}
