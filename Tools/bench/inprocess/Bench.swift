import Glibc
import VecCore
import VecFiles
import VecIndex
import VecKernels

/// vecbench: the indexes in this process, without a socket, driven by lines on standard input so that a harness can time
/// them in turn with other libraries. Answers are one JSON object a line on standard output.
///
///     vecbench ITEMS.npy QUERIES.npy ip|cosine|l2 THREADS [held=SAMPLE.npy] [interests=N] [lists=N] [iterations=N]
///              [sample=N] [links=M] [efc=N]
///     > ready                                 {} as soon as the rows are read
///     > build flat|ivf|hnsw|auto              {"seconds": ...}
///     > run flat|ivf|hnsw K PARAMETER BATCH   {"seconds": ..., "queries": N, "work": [scanned, listed, visited, settled]}
///     > run auto K TARGET BATCH               the same and "plan"; the target is a recall in thousandths
///     > run auto-ivf|auto-hnsw K TARGET BATCH the same by one index
///     > ids PATH                              writes the ids of the last run: int64, (queries, k), -1 = none
///
/// `held` are queries that `build auto` shapes and calibrates with; `interests` vectors in a row belong to one user.
/// `vecbench store` is StoreBench's.
@main
final class Bench {
  private let items: Items
  private let queries: [Float]
  private var interests = 1
  private var held: [Float]?
  private var plan = SearchPlan.exact
  private let team: WorkTeam
  private let kernels: Kernels
  private var parameters = IVFParameters()
  private var graphParameters = HNSWParameters()
  private var indexes = IndexSet()
  private let search: IndexSearch
  private var last: (k: Int, hits: [[Hit]]) = (1, [])

  private var queryCount: Int { queries.count / (items.dimension * interests) }

  static func main() {
    do {
      let words = Array(CommandLine.arguments.dropFirst())
      if words.first == "store" {
        try serve(try StoreBench(Array(words.dropFirst())).answer)
      } else {
        try serve(try Bench(words).answer)
      }
    } catch {
      let message = Array("vecbench: \(error)\n".utf8)
      _ = write(STDERR_FILENO, message, message.count)
      exit(64)
    }
  }

  private static func serve(_ answer: (String) throws -> String) throws {
    while let line = readLine() {
      // Not print: a pipe's buffer would keep the answer from whoever waits for it.
      let answer = Array((try answer(line) + "\n").utf8)
      guard write(STDOUT_FILENO, answer, answer.count) == answer.count else { return }
    }
  }

  private init(_ words: [String]) throws {
    guard words.count >= 4, let metric = Metric(name: words[2]), let threads = Int(words[3]) else {
      throw VecError(.invalidArgument, "usage: vecbench ITEMS.npy QUERIES.npy ip|cosine|l2 THREADS [lists=N]")
    }
    items = try Items(path: words[0], metric: metric)
    queries = try Self.vectors(words[1])
    team = .threads(threads)
    kernels = Kernels()
    search = IndexSearch(kernels: kernels)
    for word in words.dropFirst(4) {
      let pair = word.split(separator: "=").map(String.init)
      switch (pair.first, pair.last.flatMap { Int($0) }) {
      case ("held", _): held = try Self.vectors(String(word.dropFirst("held=".count)))
      case ("interests", let value?): interests = max(1, value)
      case ("lists", let value?): parameters.lists = value
      case ("iterations", let value?): parameters.iterations = value
      case ("sample", let value?): parameters.samplePerList = value
      case ("links", let value?): graphParameters.links = value
      case ("efc", let value?): graphParameters.efConstruction = value
      default: throw VecError(.invalidArgument, "\(word) is not a parameter with a number")
      }
    }
  }

  private static func vectors(_ path: String) throws -> [Float] {
    let source = try QuerySource(path: path, hasInterests: false)
    var all: [Float] = []
    while let block = try source.next(limit: Limits.ingestRowsMax) { all += block.vectors }
    return all
  }

  private func answer(_ line: String) throws -> String {
    let command = line.split(separator: " ").map(String.init)
    let numbers = command.dropFirst(2).compactMap { Int($0) }
    let start = Self.now()
    switch (command.first, command.count, numbers.count) {
    case ("build", 2, 0):
      try build(command[1])
      return JSON.object([("seconds", .double(Self.now() - start))]).text
    case ("run", 5, 3):
      let work = try run(command[1], k: numbers[0], parameter: numbers[1], batch: max(1, numbers[2]))
      return JSON.object([
        ("seconds", .double(Self.now() - start)), ("queries", .count(queryCount)),
        (
          "work",
          .array([.double(work.scanned), .double(work.listed), .double(work.visited), .double(work.settled)])
        ),
        ("plan", .string("\(plan.index.name) \(plan.parameter)")), ("expected", .double(Double(plan.expectedRecall))),
      ]).text
    case ("ready", 1, 0): return "{}"
    case ("ids", 2, 0):
      try writeIds(command[1])
      return "{}"
    default: throw VecError(.invalidArgument, "unknown command: \(line)")
    }
  }

  private func build(_ index: String) throws {
    if index != "flat" {  // a graph is walked faster too where near rows lie together
      var parameters = parameters
      if index == "hnsw", parameters.lists == nil { parameters.lists = IVFParameters.ordering(rowCount: items.rowCount).lists }
      let made = try IVFBuilder(kernels: kernels, metric: items.metric).build(
        items.bare, parameters, team: team, progress: { _ in }, shouldStop: { false })
      items.reorder(made.order)
      indexes.lists = index == "hnsw" ? nil : made.lists
    }
    try items.encode(team)
    let sample = index == "auto" ? held : nil
    let asked = CalibrationQueries(sample: sample, plane: items.plane, metric: items.metric, seed: graphParameters.seed)
    if index == "hnsw" || index == "auto" {
      indexes.graph = try asked.shaping.withUnsafeBufferPointer { shaping in
        try HNSWIndex(kernels: kernels, metric: items.metric).build(
          items.plane, codes: items.plane.codes, graphParameters, queries: shaping, team: team, progress: { _ in },
          shouldStop: { false }
        ).graph
      }
    }
    guard index == "auto" else { return }
    indexes.calibration = try CalibrationRun(kernels: kernels, metric: items.metric).measure(
      indexes, asked, plane: items.plane, targetRecall: 0.95, shouldStop: { false })
  }

  /// Asks all queries in batches; the mean work per query.
  private func run(_ index: String, k: Int, parameter: Int, batch: Int) throws -> SearchWork {
    var hits: [[Hit]] = []
    hits.reserveCapacity(queryCount)
    var sum = SearchWork()
    try queries.withUnsafeBufferPointer { all in
      for first in stride(from: 0, to: queryCount, by: batch) {
        let count = min(batch, queryCount - first)
        let part = UnsafeBufferPointer(
          rebasing: all[(first * interests * items.dimension)..<((first + count) * interests * items.dimension)])
        let (found, work) = try search(index, part, k, parameter)
        hits += found
        sum = sum + work * Double(count)
      }
    }
    last = (k, hits)
    return sum * (1 / Double(queryCount))
  }

  private func search(
    _ index: String, _ part: UnsafeBufferPointer<Float>, _ k: Int, _ parameter: Int
  ) throws -> (results: [[Hit]], work: SearchWork) {
    let names = index.split(separator: "-", maxSplits: 1)
    if names.first == "auto" {
      let only = try names.dropFirst().first.map { try Self.indexType(String($0)) }
      plan = try indexes.planner(
        rowCount: items.rowCount, dimension: items.dimension, costs: CostModel(within: kernels.tier)
      ).plan(
        .recall(Float(parameter) / 1000), index: only, k: k, queryCount: part.count / items.dimension,
        interests: interests)
    } else {
      plan = SearchPlan(index: try Self.indexType(index), parameter: UInt32(clamping: parameter), expectedRecall: 0)
    }
    return try search.search(
      plan, [SearchedSegment(indexes: indexes, plane: items.plane)], metric: items.metric, queries: part,
      dimension: items.dimension, interests: interests, k: k, shouldStop: { false })
  }

  private static func indexType(_ name: String) throws -> IndexType {
    guard let type = IndexType(name: name) else {
      throw VecError(.invalidArgument, "\(name) is no index: must be flat, ivf or hnsw")
    }
    return type
  }

  private func writeIds(_ path: String) throws {
    let writer = try NpyWriter(path: path, type: .i8, shape: [queryCount, last.k])
    for found in last.hits {
      let row = found.map { Int64(truncatingIfNeeded: $0.id) }
      try writer.append(row + [Int64](repeating: -1, count: last.k - row.count))
    }
    try writer.finish()
  }

  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
