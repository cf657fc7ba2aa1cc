import VecCore

/// The answer of a search, for people and for programs.
struct SearchResults {
  let collection: String
  let k: Int
  let hasInterests: Bool
  /// At least one, in the order of the queries.
  let replies: [SearchReply]
  let items: ItemFieldsText
  let ids: IDText

  private var queryCount: Int { replies.reduce(0) { $0 + $1.resultCounts.count } }
  private var resultCount: Int { replies.reduce(0) { $0 + $1.resultCounts.reduce(0) { $0 + Int($1) } } }

  var json: JSON {
    let queries = places.map { reply, range in
      JSON.array(
        range.map { place in
          .object(
            ids.members(reply.ids[place], Self.text(reply, place))
              + [("score", .float(reply.scores[place])), ("interest", .count(reply.interests[place]))]
              + (reply.records.isEmpty ? [] : items.members(reply.records[place])))
        })
    }
    return .object(head + [("results", .array(queries))])
  }

  func json(files: ResultFiles) -> JSON {
    .object(head + [("ids_file", .string(files.idsPath)), ("scores_file", .string(files.scoresPath))])
  }

  private var head: [(String, JSON)] {
    guard let first = replies.first, let last = replies.last else { return [] }
    return [
      ("collection", .string(collection)), ("generation", .string(first.generation)),
      ("generation_number", .unsigned(first.generationNumber)), ("sequence", .unsigned(last.sequence)),
      ("index", .string(first.index.name)), ("parameter", .count(first.parameter)),
      ("expected_recall", .float(replies.map(\.expectedRecall).min() ?? 0)),
      ("queries", .count(queryCount)), ("k", .count(k)),
    ]
  }

  /// A line per result.
  var table: String {
    var columns: [(String, Table.Side)] = [("RANK", .right), ("ID", ids.side), ("SCORE", .right)]
    if queryCount > 1 { columns.insert(("QUERY", .right), at: 0) }
    if hasInterests { columns.append(("INTEREST", .right)) }
    columns += items.headings.map { ($0, .left) }
    var table = Table(columns)
    for (query, (reply, range)) in places.enumerated() {
      for (rank, place) in range.enumerated() {
        var cells = [
          String(rank + 1), ids.cell(reply.ids[place], Self.text(reply, place)), reply.scores[place].description,
        ]
        if queryCount > 1 { cells.insert(String(query), at: 0) }
        if hasInterests { cells.append(String(reply.interests[place])) }
        if !items.headings.isEmpty { cells += items.cells(reply.records.isEmpty ? AttributeRecord() : reply.records[place]) }
        table.add(cells)
      }
    }
    return table.text
  }

  private static func text(_ reply: SearchReply, _ place: Int) -> String? {
    reply.records.isEmpty ? nil : reply.records[place].stringID?.text
  }

  /// Where the answer comes from.
  var footer: String {
    guard let first = replies.first, let last = replies.last else { return "" }
    return "vecctl: \(Readable.count(resultCount, "result", "results")) of "
      + "\(Readable.count(queryCount, "query", "queries")), "
      + "generation \(first.generation), index \(first.index.name), sequence \(last.sequence)"
  }

  func summary(files: ResultFiles) -> String { "\(files.idsPath)\n\(files.scoresPath)\n" }

  /// For each query its reply and the places of its results there.
  private var places: [(reply: SearchReply, range: Range<Int>)] {
    var all: [(reply: SearchReply, range: Range<Int>)] = []
    for reply in replies {
      var position = 0
      for count in reply.resultCounts.map(Int.init) {
        all.append((reply, position..<(position + count)))
        position += count
      }
    }
    return all
  }
}
