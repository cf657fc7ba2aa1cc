import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct Delete: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Remove the rows of ids from a generation; searches do not find them any more at once.",
    discussion: """
      Ids that are not there are no error. drop removes whole generations and collections.

      Examples:
        vecctl delete books --ids 17,42
        vecctl delete books --ids-file gone.npy --generation monday
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Option(help: ArgumentHelp("Ids, with commas between them.", valueName: "ids")) var ids: String?
  @Option(help: ArgumentHelp("Ids of a file of shape (n,); - for standard input.", valueName: "ids.npy"))
  var idsFile: String?
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?

  func execute() async throws {
    let source: NpyIds?
    var block: [UInt64]?
    switch (ids, idsFile) {
    case (let text?, nil): (source, block) = (nil, try IDList.parse(text, option: "--ids", limit: Limits.deleteIdsMax))
    case (nil, let path?):
      source = try NpyIds(path: path)
      block = try source?.nextBlock(limit: Limits.deleteIdsMax)
      guard block != nil else { throw VecError(.malformedFile, "\(path): holds no ids; a delete needs at least one") }
    default: throw VecError(.invalidArgument, "delete needs either --ids or --ids-file")
    }
    let client = try await VecClient.connect(socketPath: try global.socketPath())
    defer { client.close() }
    let bar = ProgressBar(title: "delete", unit: "ids")
    defer { bar.clear() }
    var tally = WriteTally()
    while let ids = block {
      let request = DeleteRequest(collection: name, generation: tally.generation ?? generation, ids: ids)
      tally.add(try await client.patiently { client in try await client.delete(request) }, ids)
      bar.show(done: Int(tally.asked), total: source?.rowCount)
      block = try source?.nextBlock(limit: Limits.deleteIdsMax)
    }
    bar.clear()
    answer(json: tally.deletedJSON(collection: name), text: tally.deletedText(collection: name))
  }
}
