import Glibc
import VecAttributes
import VecCore
import VecEngine
import VecFiles

/// vecbench store: a store in this process as the daemon has it, without daemon and socket, to be timed beside libraries.
///
///     vecbench store STORE COLLECTION QUERIES.npy
///     > search FIRST COUNT K RECALL [FILTER]   {"seconds": ...} of so many queries, one after the other. A `#` in the filter
///                                              is another number in every query, so that nobody has asked it before
///     > exclude PATH                           ids that the queries exclude from now on, each as many: npy of one dimension
///     > ids PATH                               writes the ids of the last search: int64, (queries, k), -1 = none
final class StoreBench {
  private let engine: Engine
  private let collection: String
  private let queries: [[Float]]
  private var last: (k: Int, ids: [[UInt64]]) = (1, [])
  private var filterCount = 0
  /// By query, or none.
  private var excluded: [IDSet] = []

  init(_ words: [String]) throws {
    guard words.count == 3 else {
      throw VecError(.invalidArgument, "usage: vecbench store STORE COLLECTION QUERIES.npy")
    }
    engine = try Engine(
      EngineOptions(
        storePath: words[0], kernelTier: nil, memoryBudget: 8 << 30, now: { 0 }, makeUUID: { UUID(high: 1, low: 1) }))
    collection = words[1]
    let source = try QuerySource(path: words[2], hasInterests: false)
    var all: [[Float]] = []
    while let block = try source.next(limit: Limits.ingestRowsMax) {
      let dimension = block.vectors.count / block.queryCount
      for query in 0..<block.queryCount { all.append(Array(block.vectors[(query * dimension)..<((query + 1) * dimension)])) }
    }
    queries = all
  }

  func answer(_ line: String) throws -> String {
    let words = line.split(separator: " ", maxSplits: 5).map(String.init)
    switch words.first {
    case "ready": return "{}"
    case "exclude" where words.count == 2:
      let source = try NpyIds(path: words[1])
      let each = source.rowCount / queries.count
      excluded = []
      while each > 0, let ids = try source.nextBlock(limit: each) { excluded.append(IDSet(ids)) }
      return "{}"
    case "ids" where words.count == 2:
      let writer = try NpyWriter(path: words[1], type: .i8, shape: [last.ids.count, last.k])
      for ids in last.ids {
        let row = ids.map { Int64(truncatingIfNeeded: $0) }
        try writer.append(row + [Int64](repeating: -1, count: last.k - row.count))
      }
      try writer.finish()
      return "{}"
    case "search" where words.count >= 5:
      guard let first = Int(words[1]), let count = Int(words[2]), let k = Int(words[3]), let recall = Float(words[4]),
        first >= 0, count > 0, first + count <= queries.count
      else { throw VecError(.invalidArgument, "not a search: \(line)") }
      let seconds = try search(first..<(first + count), k, recall, words.count == 6 ? words[5] : "")
      return JSON.object([("seconds", .double(seconds))]).text
    default: throw VecError(.invalidArgument, "unknown command: \(line)")
    }
  }

  /// Requests are made outside of the clock.
  private func search(_ asked: Range<Int>, _ k: Int, _ recall: Float, _ filter: String) throws -> Double {
    let requests = try asked.map { query in
      SearchRequest(
        collection: collection, k: k, effort: .recall(recall), dimension: queries[query].count, vectors: queries[query],
        excluded: excluded.isEmpty ? [] : [excluded[query]],
        filter: filter.isEmpty ? [] : try Filter(parsing: another(filter)).encode())
    }
    last = (k, [])
    let start = Bench.now()
    for request in requests { last.ids.append(try engine.search(request, shouldStop: { false }).ids) }
    return Bench.now() - start
  }

  private func another(_ filter: String) -> String {
    filterCount += 1
    return filter.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(filterCount)")
  }
}
