import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct Upsert: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Put vectors in the place of those that ids had, or add them; searches see them at once.",
    discussion: """
      FILE is as for ingest: .npy, .fvecs, .jsonl, or - for standard input. Rows are written in batches, one after the
      other: each batch is there as a whole or not at all, and of an id that comes twice the last row counts. An error
      or Ctrl-C leaves the batches before it written; running the command again does no harm.
      A row's attributes and payload come as for ingest; a row without has none afterwards.
      A collection without a live generation gets one.

      Examples:
        vecctl upsert books changed.npy --ids changed-ids.npy
        vecctl upsert books --id 42 --vector 0.1,0.2,0.7
        vecctl upsert shop --id sku-17 --vector 0.1,0.2,0.7
        zcat changed.jsonl.gz | vecctl upsert books -
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Vectors; - for standard input.") var file: String?
  @Option(help: ArgumentHelp("One integer per row, shape (rows,); or a .txt with a string id per line.", valueName: "ids.npy"))
  var ids: String?
  @Option(help: ArgumentHelp("Attributes and payload of each row, one JSON object per line.", valueName: "file.jsonl"))
  var attributes: String?
  @Option(help: ArgumentHelp("The id of one row, with --vector instead of a file.", valueName: "id")) var id: String?
  // Unconditional, because the first value may be negative and would be taken for an option.
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Its values, with commas between them.", valueName: "values"))
  var vector: String?
  @Option(help: "Label of the generation. Default: the live one.") var generation: String?
  @Option(help: ArgumentHelp("Version of the model that made the vectors, which it must carry.", valueName: "version"))
  var model: String?
  @Option(help: ArgumentHelp("Rows of a batch, 1 to 16384, within 8 MiB.", valueName: "n")) var batch = 4096

  func execute() async throws {
    try Limits.check(batch, 1...Limits.upsertRowsMax, "--batch")
    let run = UpsertRun(
      input: try input(), attributesPath: attributes, socketPath: try global.socketPath(), collection: name,
      generation: generation, model: model, batchRows: batch)
    let outcome = try await run.execute()
    answer(json: outcome.json(collection: name), text: outcome.text(collection: name))
  }

  private func input() throws(VecError) -> UpsertRun.Input {
    switch (file, id, vector) {
    case (let path?, nil, nil): return .file(path, ids: ids)
    case (nil, let id?, let text?):
      guard ids == nil else {
        throw VecError(.invalidArgument, "--ids goes with a file, --id with --vector; give one of the two")
      }
      return .row(id: id, vector: try Search.values(text))
    default: throw VecError(.invalidArgument, "upsert needs either a file or both --id and --vector")
    }
  }
}
