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
  @Option(help: ArgumentHelp("Ids of a file of shape (n,), or a .txt of string ids; - for standard input.", valueName: "ids.npy"))
  var idsFile: String?
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?

  func execute() async throws {
    guard (ids == nil) != (idsFile == nil) else {
      throw VecError(.invalidArgument, "delete needs either --ids or --ids-file")
    }
    let source = try idsFile.map { (path) throws(VecError) in try IDSource(path: path) }
    var block = try source?.nextBlock(limit: Limits.deleteIdsMax)?.ids
    if let idsFile, block == nil {
      throw VecError(.malformedFile, "\(idsFile): holds no ids; a delete needs at least one")
    }
    let client = try await VecClient.connect(socketPath: try global.socketPath())
    defer { client.close() }
    let kind = try await client.idKind(of: name)
    try source?.check(kind, of: name)
    if let ids { block = try IDList.parse(ids, option: "--ids", limit: Limits.deleteIdsMax, kind) }
    let bar = ProgressBar(title: "delete", unit: "ids")
    defer { bar.clear() }
    var tally = WriteTally()
    while let ids = block {
      let request = DeleteRequest(collection: name, generation: tally.generation ?? generation, ids: ids)
      tally.add(try await client.patiently { client in try await client.delete(request) }, ids)
      bar.show(done: Int(tally.asked), total: source?.rowCount)
      block = try source?.nextBlock(limit: Limits.deleteIdsMax)?.ids
    }
    bar.clear()
    answer(json: tally.deletedJSON(collection: name), text: tally.deletedText(collection: name))
  }
}
