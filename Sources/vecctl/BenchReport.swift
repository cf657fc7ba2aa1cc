import Histogram
import VecCore

/// What a bench measured.
struct BenchReport {
  private let run: BenchRun
  private let first: SearchReply
  private let tally: BenchRun.Tally
  private let elapsed: Double
  private let recall: (share: Double, queries: Int)

  init(
    run: BenchRun, first: SearchReply, tally: BenchRun.Tally, elapsed: Double, recall: (share: Double, queries: Int)
  ) {
    self.run = run
    self.first = first
    self.tally = tally
    self.elapsed = elapsed
    self.recall = recall
  }

  private var queriesPerSecond: Double { Double(tally.requests * run.batch) / elapsed }

  private func latency(_ percentile: Double) -> UInt64 { tally.latencies.valueAtPercentile(percentile) }

  var json: JSON {
    let latencies: [(String, JSON)] = [
      ("p50", .double(Double(latency(50)) / 1e3)), ("p95", .double(Double(latency(95)) / 1e3)),
      ("p99", .double(Double(latency(99)) / 1e3)), ("max", .double(Double(tally.latencies.max) / 1e3)),
      ("mean", .double(tally.latencies.mean / 1e3)),
    ]
    return .object([
      ("collection", .string(run.template.collection)), ("generation", .string(first.generation)),
      ("index", .string(first.index.name)), ("k", .count(run.template.k)), ("connections", .count(run.connections)),
      ("batch", .count(run.batch)), ("seconds", .double(elapsed)), ("requests", .count(tally.requests)),
      ("overloaded", .count(tally.overloaded)), ("queries", .count(tally.requests * run.batch)),
      ("queries_per_second", .double(queriesPerSecond)), ("latency_us", .object(latencies)),
      ("recall", .double(recall.share)), ("recall_queries", .count(recall.queries)),
    ])
  }

  var text: String {
    var table = Table([("MEASURE", .left), ("VALUE", .right)])
    table.add(["queries per second", Readable.fixed(queriesPerSecond, queriesPerSecond < 100 ? 1 : 0)])
    table.add(["p50 of a request", Readable.latency(nanoseconds: latency(50))])
    table.add(["p95 of a request", Readable.latency(nanoseconds: latency(95))])
    table.add(["p99 of a request", Readable.latency(nanoseconds: latency(99))])
    table.add(["recall against exact", Readable.fixed(recall.share, 4)])
    table.add(["requests", Readable.count(tally.requests)])
    if tally.overloaded > 0 { table.add(["overloaded", Readable.count(tally.overloaded)]) }
    let setting = "\(run.template.collection), generation \(first.generation), index \(first.index.name), "
      + "k \(run.template.k), \(run.connections) connections, batch \(run.batch), \(Readable.fixed(elapsed, 1)) s"
    return "\(setting)\n\(table.text)"
  }
}
