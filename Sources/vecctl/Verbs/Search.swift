import ArgumentParser
import VecAttributes
import VecClient
import VecCore
import VecFiles

struct Search: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Find the k best items of each query.",
    discussion: """
      Q.npy has the shape (queries, dimension), with --interests (users, K, dimension): K vectors per user, an item's
      score is its best over them. --out writes PREFIX.ids.npy (int64, -1 = none) and PREFIX.scores.npy (float32,
      NaN = none), both of shape (queries, k); existing files are replaced. Of string ids it writes the hashes.

      Examples:
        vecctl search books --vector 0.1,0.2,0.7 -k 10
        vecctl search books --queries users.npy -k 500 --out result
        vecctl search books --queries interests.npy --interests -k 100 --generation tuesday --json
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --exclude 17,4711
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --exclude-set user-17
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --bias fresh
        vecctl search books --like 17,42 --unlike 99 -k 10
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --at-least 45
        vecctl search books --vector 0.1,0.2,0.7 -k 10 --model tt-2026-11-29
        vecctl search shop --vector 0.1,0.2,0.7 -k 10 --filter 'price < 20 and tags has "live"' --fields attributes,payload
        vecctl search shop --queries interests.npy --interests -k 60 --quota 10:40 --quota 10:40 --group-by brand:3
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var effortOptions: EffortOptions
  @OptionGroup var selectionOptions: SelectionOptions
  @Argument(help: "Collection.") var name: String
  // Unconditional, because the first value may be negative and would be taken for an option.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("One query: its values, with commas between them.", valueName: "values"))
  var vector: String?
  @Option(help: ArgumentHelp("Queries of a file; - for standard input.", valueName: "q.npy")) var queries: String?
  @Option(help: ArgumentHelp("Instead of a query: more like these items, which are no results themselves.", valueName: "ids"))
  var like: String?
  @Option(help: ArgumentHelp("And less like these, by half their mean.", valueName: "ids")) var unlike: String?
  @Option(name: .short, help: "Results per query, 1 to 16384.") var k: Int
  @Flag(help: "The file is (users, K, dimension).") var interests = false
  @Option(help: ArgumentHelp("Ids that no result may have, with commas between them.", valueName: "ids"))
  var exclude: String?
  @Option(help: ArgumentHelp("The same of a file of shape (n,), or a .txt of string ids, at most 262144.", valueName: "ids.npy"))
  var excludeFile: String?
  @Option(help: ArgumentHelp("Set kept by vecd (verb exclude) whose ids no result may have either.", valueName: "set"))
  var excludeSet: String?
  @Option(help: ArgumentHelp("Set kept by vecd (verb bias) whose biases are added to scores.", valueName: "set"))
  var bias: String?
  // Unconditional, because the value may be negative and would be taken for an option.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Leave out results with a lower score; under l2, with a greater squared distance.", valueName: "score"))
  var scoreLimit: Float?
  @Option(help: ArgumentHelp("Only items for which this is true, e.g. 'price < 20'.", valueName: "expr")) var filter: String?
  @Option(help: ArgumentHelp("What comes with each result: attributes, payload, or both with a comma.", valueName: "fields"))
  var fields: String?
  @Option(help: "Label of the generation to ask. Default: the live one.") var generation: String?
  @Option(help: ArgumentHelp("Version of the model that made the queries.", valueName: "version")) var model: String?
  @Option(help: ArgumentHelp("Write npy files instead of stdout.", valueName: "prefix")) var out: String?

  @Option(
    help: ArgumentHelp(
      "Sequence of a write that the answer must have seen; waits for it within --deadline.", valueName: "sequence"))
  var atLeast: UInt64?

  @Option(help: "Seconds that a request may take, 0.001 to 86400.") var deadline = 60.0

  func execute() async throws {
    try EffortOptions.checkK(k)
    if let excludeSet { try Names.checkExcludeSet(excludeSet) }
    if let bias { try Names.checkBiasSet(bias) }
    try Limits.check(deadline, 0.001...86_400, "--deadline")
    let template = SearchTemplate(
      collection: name, generation: generation, k: k, effort: try effortOptions.effort(),
      index: try effortOptions.indexType(), leastSequence: atLeast,
      excludeSet: excludeSet, scoreLimit: scoreLimit,
      filter: try filter.map { (text) throws(VecError) in try Filter(parsing: text).encode() } ?? [],
      fields: try AttributeArguments.fields(fields), selection: try selectionOptions.selection(),
      weights: try selectionOptions.weightValues(), logSumExp: selectionOptions.logSumExp, model: model,
      bias: bias)
    guard out == nil || template.fields.isEmpty else {
      throw VecError(.invalidArgument, "--out writes ids and scores only; leave --fields or --out out")
    }
    let likeness = try Likeness(like: like, unlike: unlike)
    let queries = try input(likeness)
    let files = try out.map { (prefix) throws(VecError) in
      try ResultFiles(prefix: prefix, queryCount: queries.queryCount, k: k)
    }
    let (replies, description) = try await global.withClient { client in
      var template = template
      let description = try await client.describe(collection: name)
      let alike = try await likeness?.query(of: client, name, generation, model: model, description.ids)
      template.excluded = IDSet(try excluded(description.ids) + (alike?.ids ?? []))
      if description.ids == .string, out == nil { template.fields.insert(.stringID) }
      var run = SearchRun(client: client, template: template, deadline: .seconds(deadline))
      let replies = try await run.execute(alike.map { .vector($0.vector) } ?? queries, files: files)
      return (replies, description)
    }
    try files?.finish()
    let results = SearchResults(collection: name, k: k, hasInterests: interests, replies: replies,
      items: ItemFieldsText(fields: template.fields, attributes: description.attributes), ids: IDText(kind: description.ids))
    if let files { return answer(json: results.json(files: files), text: results.summary(files: files)) }
    answer(json: results.json, text: results.table)
    if !global.json { Output.talk(results.footer) }
  }

  /// Seen already, say: the k results are the best of all other items.
  private func excluded(_ kind: IDKind) throws(VecError) -> [UInt64] {
    switch (exclude, excludeFile) {
    case (nil, nil): []
    case (let text?, nil): try IDList.parse(text, option: "--exclude", limit: Limits.excludedIdsMax, kind)
    case (nil, let path?): try IDList.read(path, limit: Limits.excludedIdsMax, kind, of: name)
    default: throw VecError(.invalidArgument, "--exclude and --exclude-file say the same twice; give one of them")
    }
  }

  private func input(_ likeness: Likeness?) throws(VecError) -> SearchInput {
    if likeness != nil {
      guard vector == nil, queries == nil, !interests else {
        throw VecError(.invalidArgument, "--like is a query of its own; leave --vector, --queries and --interests out")
      }
      return .vector([])
    }
    switch (vector, queries) {
    case (let text?, nil):
      guard !interests else { throw VecError(.invalidArgument, "--interests needs --queries of (users, K, dimension)") }
      return .vector(try Self.values(text))
    case (nil, let path?): return .file(try QuerySource(path: path, hasInterests: interests))
    default: throw VecError(.invalidArgument, "search needs either --vector, --queries or --like")
    }
  }

  /// `0.1,-2,3e-4`.
  static func values(_ text: String) throws(VecError) -> [Float] {
    var values: [Float] = []
    for (position, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
      guard let value = Float(String(part.filter { $0 != " " })) else {
        throw VecError(
          .invalidArgument,
          "--vector: value \(position) is \(Names.quoted(String(part))), must be a number; write 0.1,0.2,0.3")
      }
      values.append(value)
    }
    return values
  }
}
