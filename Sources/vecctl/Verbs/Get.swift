import ArgumentParser
import VecClient
import VecCore

struct Get: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Show the vectors of ids. Ids that are not there make the exit status 66.",
    discussion: """
      Example:
        vecctl get books 17 42 --generation monday
        vecctl get shop 17 --fields attributes,payload
        vecctl get skus sku-17 sku-42
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Ids, 0 to 18446744073709551615, or texts where items are known by these.") var ids: [String]
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?
  @Option(help: ArgumentHelp("What comes with each vector: attributes, payload, or both with a comma.", valueName: "fields"))
  var fields: String?

  func execute() async throws {
    let fields = try AttributeArguments.fields(fields)
    let (reply, shown, description) = try await global.withClient { client in
      let description = try await client.describe(collection: name)
      if description.ids == .string {
        let reply = try await client.get(collection: name, stringIDs: ids, generation: generation, fields: fields)
        return (reply, ids.map { JSON.string($0) }, description)
      }
      let wanted = try ids.map { (text) throws(VecError) in try IDList.id(text, of: "id ", .number) }
      let reply = try await client.get(collection: name, ids: wanted, generation: generation, fields: fields)
      return (reply, wanted.map { .unsigned($0) }, description)
    }
    let items = ItemFieldsText(fields: fields, attributes: description.attributes)
    // In the order asked, with nil for an id that is not there.
    var records = reply.records[...]
    let found = reply.found.map { $0 ? records.popFirst() : nil }
    var vectors: [ArraySlice<Float>?] = []
    var offset = 0
    for isFound in reply.found {
      vectors.append(isFound ? reply.vectors[offset..<(offset + reply.dimension)] : nil)
      offset += isFound ? reply.dimension : 0
    }
    answer(json: json(shown, vectors, reply, found, items), text: Self.text(ids, vectors, found, items))
    let missing = zip(ids, reply.found).filter { !$0.1 }.map(\.0)
    guard missing.isEmpty else {
      Output.talk("vecctl: not in generation \(reply.generation): \(missing.joined(separator: ", "))")
      throw ExitCode(VecErrorCode.fileNotFound.exitStatus)
    }
  }

  private func json(
    _ wanted: [JSON], _ vectors: [ArraySlice<Float>?], _ reply: GetReply, _ found: [AttributeRecord?],
    _ fields: ItemFieldsText
  ) -> JSON {
    let items = zip(zip(wanted, vectors), found).map { item, record in
      JSON.object(
        [("id", item.0), ("vector", item.1.map { .array($0.map { .float($0) }) } ?? .null)]
          + (record.map(fields.members) ?? []))
    }
    return .object([
      ("collection", .string(name)), ("generation", .string(reply.generation)),
      ("dimension", .count(reply.dimension)), ("items", .array(items)),
    ])
  }

  /// A line per id found: the id, then its values, then what comes with them.
  private static func text(
    _ wanted: [String], _ vectors: [ArraySlice<Float>?], _ found: [AttributeRecord?], _ fields: ItemFieldsText
  ) -> String {
    zip(zip(wanted, vectors), found).compactMap { item, record in
      item.1.map { vector in
        ([item.0, vector.map(\.description).joined(separator: " ")] + (record.map(fields.cells) ?? []))
          .joined(separator: "  ")
      }
    }.joined(separator: "\n")
  }
}
