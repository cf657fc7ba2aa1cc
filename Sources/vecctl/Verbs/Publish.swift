import ArgumentParser
import VecClient
import VecCore

struct Publish: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make a built generation the live one, at once and for all searches.",
    discussion: """
      With --expect nothing happens unless that generation is live now; --expect "" means that none is.

      Examples:
        vecctl publish books tuesday
        vecctl publish books tuesday --expect monday
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Label of the generation.") var label: String
  @Option(help: "Label that must be live now; empty for none.") var expect: String?

  func execute() async throws {
    let expected: ExpectedLive =
      switch expect {
      case nil: .any
      case "": .nothing
      case let label?: .label(label)
      }
    let receipt = try await global.withClient { client in
      try await client.publish(collection: name, generation: label, expecting: expected)
    }
    answer(json: receipt.json(collection: name), text: receipt.text(collection: name))
  }
}

struct Rollback: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make the generation live again that was live before.",
    discussion: """
      Example:
        vecctl rollback books
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String

  func execute() async throws {
    let receipt = try await global.withClient { client in try await client.rollback(collection: name) }
    answer(json: receipt.json(collection: name), text: receipt.text(collection: name))
  }
}

extension PublishReceipt {
  fileprivate func json(collection: String) -> JSON {
    .object([
      ("collection", .string(collection)), ("live", .string(live)), ("replaced", .optional(replaced)),
      ("sequence", .unsigned(sequence)),
    ])
  }

  fileprivate func text(collection: String) -> String {
    "\(collection): \(live) is live\(replaced.map { $0 == live ? ", as before" : ", \($0) was" } ?? "")"
  }
}
