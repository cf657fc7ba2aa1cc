import ArgumentParser
import VecClient
import VecCore

struct Get: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Show the vectors of ids. Ids that are not there make the exit status 66.",
    discussion: """
      Example:
        vecctl get books 17 42 --generation monday
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Ids, 0 to 18446744073709551615.") var ids: [String]
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?

  func execute() async throws {
    let wanted = try ids.map { (text) throws(VecError) in
      guard let id = UInt64(text) else {
        throw VecError(
          .invalidArgument, "id \(Names.quoted(text)) is not an integer from 0 to 18446744073709551615")
      }
      return id
    }
    let reply = try await global.withClient { client in
      try await client.get(collection: name, ids: wanted, generation: generation)
    }
    var vectors: [ArraySlice<Float>?] = []
    var offset = 0
    for isFound in reply.found {
      vectors.append(isFound ? reply.vectors[offset..<(offset + reply.dimension)] : nil)
      offset += isFound ? reply.dimension : 0
    }
    answer(json: json(wanted, vectors, reply), text: Self.text(wanted, vectors))
    let missing = zip(wanted, reply.found).filter { !$0.1 }.map { String($0.0) }
    guard missing.isEmpty else {
      Output.talk("vecctl: not in generation \(reply.generation): \(missing.joined(separator: ", "))")
      throw ExitCode(VecErrorCode.fileNotFound.exitStatus)
    }
  }

  private func json(_ wanted: [UInt64], _ vectors: [ArraySlice<Float>?], _ reply: GetReply) -> JSON {
    let items = zip(wanted, vectors).map { id, vector in
      JSON.object([
        ("id", .unsigned(id)), ("vector", vector.map { .array($0.map { .float($0) }) } ?? .null),
      ])
    }
    return .object([
      ("collection", .string(name)), ("generation", .string(reply.generation)),
      ("dimension", .count(reply.dimension)), ("items", .array(items)),
    ])
  }

  /// A line per id found: the id, then its values.
  private static func text(_ wanted: [UInt64], _ vectors: [ArraySlice<Float>?]) -> String {
    zip(wanted, vectors).compactMap { id, vector in
      vector.map { "\(id)  \($0.map(\.description).joined(separator: " "))" }
    }.joined(separator: "\n")
  }
}
