import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct Bias: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Keep biases of items, boosts say, in a named set that searches add to scores.",
    discussion: """
      Puts biases into the set, and makes it if it is not there; 0 takes an id out. Sets belong to the collection: they
      stay when another generation is published.

      Examples:
        vecctl bias books fresh --ids 17,42 --value 0.5
        vecctl bias books log-q --ids-file ids.npy --values-file corrections.npy
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --bias fresh
        vecctl bias books fresh --ids 17 --value 0
        vecctl bias books fresh --list
        vecctl bias books fresh --forget
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Name of the set.") var set: String
  @Option(help: ArgumentHelp("Ids, with commas between them.", valueName: "ids")) var ids: String?
  @Option(help: ArgumentHelp("Ids of a file of shape (n,), or a .txt of string ids; - for standard input.", valueName: "ids.npy"))
  var idsFile: String?
  // Unconditional, because it may be negative and would be taken for an option.
  @Option(parsing: .unconditional, help: ArgumentHelp("The bias of all these ids, -1e9 to 1e9.", valueName: "bias"))
  var value: Float?
  @Option(help: ArgumentHelp("A bias for each id of --ids-file, of shape (n,).", valueName: "biases.npy"))
  var valuesFile: String?
  @Flag(help: "Show what is in the set now.") var list = false
  @Flag(help: "Remove the set.") var forget = false

  func execute() async throws {
    try Names.checkBiasSet(set)
    let acts = [ids != nil, idsFile != nil, list, forget].filter { $0 }.count
    guard acts == 1 else { throw VecError(.invalidArgument, "bias needs one of --ids, --ids-file, --list and --forget") }
    if list || forget {
      guard value == nil, valuesFile == nil else {
        throw VecError(.invalidArgument, "--value and --values-file belong to --ids and --ids-file")
      }
      return list ? try await show() : try await remove()
    }
    guard (value == nil) != (valuesFile == nil), valuesFile == nil || idsFile != nil else {
      throw VecError(.invalidArgument, "bias needs a --value for all its ids, or a --values-file beside its --ids-file")
    }
    try await put()
  }

  private func put() async throws {
    let source = try idsFile.map { (path) throws(VecError) in try IDSource(path: path) }
    let values = try valuesFile.map { (path) throws(VecError) in try NpyValues(path: path) }
    if let values, let count = source?.rowCount, values.count != count {
      throw VecError(
        .malformedFile,
        "\(valuesFile ?? "") holds \(values.count) biases, must be \(count), one per id of \(idsFile ?? "")")
    }
    var block = try source?.nextBlock(limit: Limits.biasIdsMax)?.ids
    if let idsFile, block == nil {
      throw VecError(.malformedFile, "\(idsFile): holds no ids; a bias needs at least one")
    }
    let client = try await VecClient.connect(socketPath: try global.socketPath())
    defer { client.close() }
    let kind = try await client.idKind(of: name)
    try source?.check(kind, of: name)
    if let ids { block = try IDList.parse(ids, option: "--ids", limit: Limits.biasIdsMax, kind) }
    var (told, held): (UInt64, UInt64) = (0, 0)
    while let ids = block {
      let own = try values?.next(ids.count) ?? Array(repeating: value ?? 0, count: ids.count)
      held = try await client.bias(BiasRequest(collection: name, set: set, ids: ids, values: own))
      told += UInt64(ids.count)
      block = try source?.nextBlock(limit: Limits.biasIdsMax)?.ids
    }
    if let values, told < values.count { throw surplus(values.count, of: told) }
    answer(
      json: .object([
        ("collection", .string(name)), ("set", .string(set)), ("told", .unsigned(told)), ("ids", .unsigned(held)),
      ]),
      text: "\(name): \(Readable.count(told, "bias", "biases")) put into \(set), which has "
        + "\(Readable.count(held, "id", "ids")) now")
  }

  /// A text file tells only at its end how many ids it has; what it had is put by then.
  private func surplus(_ count: Int, of told: UInt64) -> VecError {
    VecError(
      .malformedFile,
      "\(valuesFile ?? "") holds \(count) biases, \(idsFile ?? "") has \(told) ids, which were put; each needs one")
  }

  private func show() async throws {
    let (found, ids, texts) = try await global.withClient { client in
      let found = try await client.biases(collection: name, set: set)
      let kind = try await client.idKind(of: name)
      return (found, IDText(kind: kind), kind == .string ? try await client.stringIDs(of: found.ids, in: name) : [:])
    }
    let items = zip(found.ids, found.values).map { id, value in
      JSON.object(ids.members(id, texts[id]) + [("bias", .float(value))])
    }
    var table = Table([("ID", ids.side), ("BIAS", .right)])
    for (id, value) in zip(found.ids, found.values) { table.add([ids.cell(id, texts[id]), String(value)]) }
    answer(
      json: .object([("collection", .string(name)), ("set", .string(set)), ("biases", .array(items))]),
      text: found.ids.isEmpty ? "\(name): \(set) has no biases" : table.text)
  }

  private func remove() async throws {
    let wasThere = try await global.withClient { client in try await client.forgetBiases(collection: name, set: set) }
    answer(
      json: .object([("collection", .string(name)), ("set", .string(set)), ("forgotten", .bool(wasThere))]),
      text: wasThere ? "\(name): \(set) is forgotten" : "\(name): there was no bias set \(set)")
  }
}
