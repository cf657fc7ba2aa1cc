import ArgumentParser
import VecClient
import VecCore

struct Snapshot: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make a verified copy of the whole store as of now, under snapshots/ of its directory.",
    discussion: """
      Example:
        vecctl snapshot before-tuesday
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Name of the copy: 1 to 64 of a-z 0-9 _ -.") var name: String

  func execute() async throws {
    try Names.checkSnapshot(name)
    let reply = try await global.withClient { client in try await client.snapshot(name) }
    let made = try UpkeepReply(json: reply, of: "snapshot")
    answer(
      json: .object([("snapshot", .string(name))] + made.members),
      text: "\(made.path ?? name): \(Readable.count(made.files ?? 0, "file", "files")), \(Readable.bytes(made.bytes ?? 0))")
  }
}
