import ArgumentParser
import VecClient
import VecCore

struct Describe: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Show what a collection is and what its items may have.",
    discussion: """
      Example:
        vecctl describe shop
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String

  func execute() async throws {
    let found = try await global.withClient { client in try await client.describe(collection: name) }
    let attributes = found.attributes.map { attribute in
      JSON.object([("name", .string(attribute.name)), ("type", .string(attribute.type.name))])
    }
    answer(
      json: .object([
        ("collection", .string(name)), ("dimension", .count(found.dimension)), ("metric", .string(found.metric.name)),
        ("ids", .string(found.ids.name)), ("attributes", .array(attributes)), ("settings", found.settings.json),
      ]),
      text: text(found))
  }

  private func text(_ found: CollectionDescription) -> String {
    let head = "\(name): dimension \(found.dimension), metric \(found.metric.name), "
      + (found.ids == .string ? "string ids, " : "") + found.settings.text
    guard !found.attributes.isEmpty else { return "\(head), no attributes" }
    var table = Table([("ATTRIBUTE", .left), ("TYPE", .left)])
    for attribute in found.attributes { table.add([attribute.name, attribute.type.name]) }
    return "\(head)\n\(table.text)"
  }
}

struct AddAttribute: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Add an attribute to a collection. Items that are there have no value for it.",
    discussion: """
      Example:
        vecctl add-attribute shop stock:int
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "NAME:TYPE; the type is int, float, bool, keyword or keywords.") var attribute: String

  func execute() async throws {
    let definition = try AttributeArguments.definition(attribute)
    let position = try await global.withClient { client in try await client.addAttribute(definition, to: name) }
    answer(
      json: .object([
        ("collection", .string(name)), ("attribute", .string(definition.name)), ("type", .string(definition.type.name)),
        ("position", .count(position)),
      ]),
      text: "\(name): items may have \(definition.name), \(definition.type.name)")
  }
}
