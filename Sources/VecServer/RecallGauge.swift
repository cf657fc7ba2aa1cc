import Synchronization
import VecCore
import VecEngine

/// Searches some of the real requests once more, exactly, and tells how much of the true answer the clients were given.
///
/// It gives way: one request at a time, on a background thread, which then rests for so long that it takes at most a
/// twentieth of one core. What comes meanwhile is left out, whatever share was asked for.
///
/// Thread rule: any thread may call; the searching runs on the gauge lane.
final class RecallGauge: Sendable {
  /// Rest after a search, in times of its duration.
  private static let rest: UInt64 = 19
  /// Generations of a collection that are told of.
  private static let generationsMax = 4

  fileprivate struct Key: Hashable {
    var collection: String
    var generation: String
    var band: Int
    var isNarrowed: Bool
  }

  fileprivate struct Record {
    var generationNumber: UInt64
    var queries: UInt64 = 0
    var recall = 0.0
    var expected = 0.0
  }

  fileprivate struct State {
    var isBusy = false
    /// `MonotonicTime` before which nothing is searched.
    var restsUntil: UInt64 = 0
    var generator = SplitMix64(seed: 1)
    var records: [Key: Record] = [:]
    var measured: UInt64 = 0
    var leftOut: UInt64 = 0
    var outdated: UInt64 = 0
  }

  private let state = Mutex(State())

  /// Considers a search that was answered.
  func offer(_ request: SearchRequest, _ reply: SearchReply, _ daemon: Daemon) {
    let share = daemon.engine.gaugeShare(of: request.collection)
    guard share > 0, !daemon.isStopping else { return }
    let now = MonotonicTime.now()
    let query = state.withLock { state -> Int? in
      guard Double(state.generator.next() >> 11) * 0x1p-53 < Double(share) else { return nil }
      guard !state.isBusy, now >= state.restsUntil else {
        state.leftOut += 1
        return nil
      }
      state.isBusy = true
      return Int(state.generator.next() % UInt64(max(reply.resultCounts.count, 1)))
    }
    guard let query else { return }
    let isQueued = daemon.pool.gauge.submit(.bounded) { self.measure(request, reply, query, daemon) }
    if !isQueued { state.withLock { $0.isBusy = false } }
  }

  private func measure(_ request: SearchRequest, _ reply: SearchReply, _ query: Int, _ daemon: Daemon) {
    let start = MonotonicTime.now()
    let truth = try? daemon.engine.exactly(request, query: query, like: reply) { daemon.isStopping }
    let end = MonotonicTime.now()
    state.withLock { state in
      state.isBusy = false
      state.restsUntil = end + (end - start) * Self.rest
      guard let truth else {
        state.outdated += 1
        return
      }
      let counts = reply.resultCounts
      let first = counts[..<query].reduce(0) { $0 + Int($1) }
      let found = first..<(first + Int(counts[query]))
      guard let recall = Self.recall(of: reply, found, truth) else { return }
      let key = Key(
        collection: request.collection, generation: reply.generation, band: Self.band(request.k),
        isNarrowed: request.isNarrowed)
      var record = state.records[key] ?? Record(generationNumber: reply.generationNumber)
      if record.generationNumber != reply.generationNumber { record = Record(generationNumber: reply.generationNumber) }
      record.queries += 1
      record.recall += recall
      record.expected += Double(reply.expectedRecall)
      state.records[key] = record
      state.measured += 1
      state.forgetOldGenerations(of: request.collection, most: Self.generationsMax)
    }
  }

  /// Share of the true results that were found. One that scores as the last of them is as good as it.
  private static func recall(of reply: SearchReply, _ found: Range<Int>, _ truth: SearchReply) -> Double? {
    guard let last = truth.scores.last else { return nil }
    let ids = Set(truth.ids)
    let hits = found.reduce(0) { $0 + (ids.contains(reply.ids[$1]) || reply.scores[$1] == last ? 1 : 0) }
    return Double(min(hits, ids.count)) / Double(ids.count)
  }

  /// 0: k up to 10, 1: up to 100, 2: up to 1,000, 3: above.
  private static func band(_ k: Int) -> Int { k <= 10 ? 0 : k <= 100 ? 1 : k <= 1_000 ? 2 : 3 }

  private static let bandNames = ["1-10", "11-100", "101-1000", "1001-16384"]

  /// `{"measured":..,"left_out":..,"outdated":..}`
  var json: JSON {
    let now = state.withLock { $0 }
    return .object([
      ("measured", .count(now.measured)), ("left_out", .count(now.leftOut)), ("outdated", .count(now.outdated)),
    ])
  }

  /// What was measured of a collection, oldest generation first.
  func json(of collection: String) -> JSON {
    let records = state.withLock { $0.records }.filter { $0.key.collection == collection }
    let sorted = records.sorted { one, other in
      (one.value.generationNumber, one.key.band, one.key.isNarrowed ? 1 : 0)
        < (other.value.generationNumber, other.key.band, other.key.isNarrowed ? 1 : 0)
    }
    return .array(
      sorted.map { key, record in
        .object([
          ("generation", .string(key.generation)), ("k", .string(Self.bandNames[key.band])),
          ("narrowed", .bool(key.isNarrowed)), ("queries", .count(record.queries)),
          ("recall", .double(record.recall / Double(record.queries))),
          ("expected", .double(record.expected / Double(record.queries))),
        ])
      })
  }
}

extension RecallGauge.State {
  fileprivate mutating func forgetOldGenerations(of collection: String, most: Int) {
    let numbers = Set(records.filter { $0.key.collection == collection }.map(\.value.generationNumber))
    guard numbers.count > most, let oldest = numbers.min() else { return }
    records = records.filter { $0.key.collection != collection || $0.value.generationNumber != oldest }
  }
}

extension SearchRequest {
  /// Whether it asks for some of the items alone.
  fileprivate var isNarrowed: Bool { !filter.isEmpty || !excluded.isEmpty || !excludeSets.isEmpty }
}
