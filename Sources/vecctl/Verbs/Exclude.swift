import ArgumentParser
import VecClient
import VecCore
import VecFiles

struct Exclude: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Keep ids, a user's seen items say, in a named set that searches exclude.",
    discussion: """
      Appends the ids to the set, and makes it if it is not there. Sets belong to the collection: they stay when another
      generation is published.

      Examples:
        vecctl exclude books user-17 --ids 17,42
        vecctl exclude books user-17 --ids-file seen.npy --ttl 2592000
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --exclude-set user-17
        vecctl exclude books user-17 --list
        vecctl exclude books user-17 --forget
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Collection.") var name: String
  @Argument(help: "Name of the set.") var set: String
  @Option(help: ArgumentHelp("Ids to append, with commas between them.", valueName: "ids")) var ids: String?
  @Option(help: ArgumentHelp("Ids of a file of shape (n,), or a .txt of string ids; - for standard input.", valueName: "ids.npy"))
  var idsFile: String?
  @Option(help: ArgumentHelp("Seconds for which they are excluded, 1 to 4294967295. Default: for ever.", valueName: "seconds"))
  var ttl: UInt32?
  @Flag(help: "Show what the set excludes now.") var list = false
  @Flag(help: "Remove the set.") var forget = false

  func execute() async throws {
    try Names.checkExcludeSet(set)
    let acts = [ids != nil, idsFile != nil, list, forget].filter { $0 }.count
    guard acts == 1 else {
      throw VecError(.invalidArgument, "exclude needs one of --ids, --ids-file, --list and --forget")
    }
    guard ttl == nil || !(list || forget) else {
      throw VecError(.invalidArgument, "--ttl belongs to --ids or --ids-file: it is for how long they are excluded")
    }
    guard ttl != 0 else { throw VecError(.invalidArgument, "--ttl is 0, must be 1 to \(UInt32.max) seconds") }
    if list { return try await show() }
    if forget { return try await remove() }
    try await append()
  }

  private func append() async throws {
    let source = try idsFile.map { (path) throws(VecError) in try IDSource(path: path) }
    var block = try source?.nextBlock(limit: Limits.excludeIdsMax)?.ids
    if let idsFile, block == nil {
      throw VecError(.malformedFile, "\(idsFile): holds no ids; an exclude needs at least one")
    }
    let client = try await VecClient.connect(socketPath: try global.socketPath())
    defer { client.close() }
    let kind = try await client.idKind(of: name)
    try source?.check(kind, of: name)
    if let ids { block = try IDList.parse(ids, option: "--ids", limit: Limits.excludeIdsMax, kind) }
    var (appended, held): (UInt64, UInt64) = (0, 0)
    while let ids = block {
      held = try await client.exclude(ExcludeRequest(collection: name, set: set, lifetimeSeconds: ttl, ids: ids))
      appended += UInt64(ids.count)
      block = try source?.nextBlock(limit: Limits.excludeIdsMax)?.ids
    }
    answer(
      json: .object([
        ("collection", .string(name)), ("set", .string(set)), ("appended", .unsigned(appended)), ("ids", .unsigned(held)),
      ]),
      text: "\(name): \(Readable.count(appended, "id", "ids")) appended to \(set), which has \(Readable.count(held)) now")
  }

  private func show() async throws {
    let (found, ids, texts) = try await global.withClient { client in
      let found = try await client.exclusions(collection: name, set: set)
      let kind = try await client.idKind(of: name)
      return (found, IDText(kind: kind), kind == .string ? try await client.stringIDs(of: found.ids, in: name) : [:])
    }
    let items = zip(found.ids, found.ends).map { id, end in
      JSON.object(ids.members(id, texts[id]) + [("until", end.map { .signed($0) } ?? .null)])
    }
    var table = Table([("ID", ids.side), ("UNTIL", .left)])
    for (id, end) in zip(found.ids, found.ends) {
      table.add([ids.cell(id, texts[id]), end == nil ? "for ever" : Readable.time(end)])
    }
    answer(
      json: .object([("collection", .string(name)), ("set", .string(set)), ("ids", .array(items))]),
      text: found.ids.isEmpty ? "\(name): \(set) excludes nothing" : table.text)
  }

  private func remove() async throws {
    let wasThere = try await global.withClient { client in try await client.forgetExclusions(collection: name, set: set) }
    answer(
      json: .object([("collection", .string(name)), ("set", .string(set)), ("forgotten", .bool(wasThere))]),
      text: wasThere ? "\(name): \(set) is forgotten" : "\(name): there was no exclude set \(set)")
  }
}
