import ArgumentParser
import VecClient
import VecCore

struct Ingest: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Write the vectors of a file into a generation; all of them or none.",
    discussion: """
      FILE is .npy of shape (rows, dimension) and type float32, float16 or float64 (rounded to float32), .fvecs, or
      .jsonl with lines {"id": 7, "vector": [0.25, -1]}; - reads npy or JSON lines from standard input.
      Where items are known by texts, lines have {"id": "sku-17", ...}, and --ids names a .txt with one per line.
      Without --ids the rows of .npy and .fvecs files are numbered from 0.
      A line of FILE.jsonl may have "attributes": {"price": 9.5} and "payload": any text or JSON; for other files --attributes
      has a line {"price": 9.5, "payload": "a title"} for each row.
      On any error, and on Ctrl-C, nothing of the file is kept.

      Examples:
        vecctl ingest books items.npy --ids ids.npy --generation monday
        vecctl ingest shop items.npy --ids ids.npy --attributes items.jsonl
        vecctl ingest shop items.npy --ids skus.txt
        vecctl ingest books items.npy --generation tuesday --model tt-2026-11-29
        zcat items.jsonl.gz | vecctl ingest books -
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Vectors; - for standard input.") var file: String
  @Option(help: ArgumentHelp("One integer per row, shape (rows,); or a .txt with a string id per line.", valueName: "ids.npy"))
  var ids: String?
  @Option(help: ArgumentHelp("Attributes and payload of each row, one JSON object per line.", valueName: "file.jsonl"))
  var attributes: String?
  @Option(help: "Label. Default: the one being built, or a new one.") var generation: String?
  @Option(help: ArgumentHelp("Version of the model that made the vectors.", valueName: "version")) var model: String?

  func execute() async throws {
    let run = IngestRun(
      path: file, idsPath: ids, attributesPath: attributes, socketPath: try global.socketPath(), collection: name,
      generation: generation, model: model)
    let outcome = try await run.execute()
    let receipt = outcome.receipt
    answer(
      json: .object([
        ("collection", .string(name)), ("generation", .string(outcome.generation)), ("rows", .unsigned(receipt.rowCount)),
        ("bytes", .unsigned(receipt.byteCount)), ("element", .string(receipt.elementType.name)),
        ("sequence", .unsigned(receipt.sequence)), ("seconds", .double(outcome.seconds)),
      ]),
      text: "\(name): \(Readable.count(receipt.rowCount, "row", "rows")) in generation \(outcome.generation), stored as "
        + "\(receipt.elementType.name) in \(Readable.bytes(receipt.byteCount)), "
        + "\(Readable.fixed(outcome.seconds, 1)) s")
  }
}
