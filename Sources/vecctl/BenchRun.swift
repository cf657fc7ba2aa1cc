import Histogram
import VecClient
import VecCore
import VecFiles

/// The queries of a bench, in memory.
struct QuerySet: Sendable {
  let interests: Int
  let dimension: Int
  let count: Int
  private let vectors: [Float]

  /// Bytes of query vectors that a bench holds.
  static let bytesMax = 1 << 30

  init(path: String, hasInterests: Bool) throws(VecError) {
    let source = try QuerySource(path: path, hasInterests: hasInterests)
    (interests, dimension, count) = (source.interests, source.dimension, source.queryCount)
    guard count > 0 else { throw VecError(.malformedFile, "\(path): holds no queries; at least one is needed") }
    guard count <= Self.bytesMax / (4 * interests * dimension) else {
      throw VecError(.limitExceeded, "\(path): holds more than \(Self.bytesMax) bytes of queries; a sample is enough")
    }
    var all: [Float] = []
    while let block = try source.next(limit: Limits.ingestRowsMax) { all += block.vectors }
    vectors = all
  }

  /// `length` queries from `start` on, going round at the end.
  func portion(from start: Int, length: Int) -> [Float] {
    let width = interests * dimension
    var out: [Float] = []
    out.reserveCapacity(length * width)
    var query = start % count
    for _ in 0..<length {
      out += vectors[(query * width)..<((query + 1) * width)]
      query = query + 1 == count ? 0 : query + 1
    }
    return out
  }
}

/// Some connections that ask as fast as they are answered, then a comparison with the exact answer.
struct BenchRun: Sendable {
  let socketPath: String
  let template: SearchTemplate
  let queries: QuerySet
  let connections: Int
  let batch: Int
  let seconds: Double

  /// Queries whose exact answer is asked for.
  static let recallQueriesMax = 1000

  /// What one connection saw. Latencies are nanoseconds per request.
  struct Tally: Sendable {
    var latencies = Histogram<UInt64>(highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .three)
    var requests = 0
    var overloaded = 0
  }

  func execute() async throws -> BenchReport {
    let client = try await VecClient.connect(socketPath: socketPath)
    // One request ahead of the clock: errors show at once, and caches are as they are in service.
    let first = try await client.search(request(from: 0, length: batch))
    let clock = ContinuousClock()
    let start = clock.now
    let deadline = start + .seconds(seconds)
    let sum = try await withThrowingTaskGroup(of: Tally.self, returning: Tally.self) { group in
      for connection in 0..<connections {
        group.addTask { try await load(connection: connection, until: deadline) }
      }
      return try await group.reduce(into: Tally()) { sum, tally in
        sum.latencies.add(tally.latencies)
        sum.requests += tally.requests
        sum.overloaded += tally.overloaded
      }
    }
    let elapsed = (clock.now - start) / .seconds(1)
    let recall = try await measureRecall(client)
    client.close()
    return BenchReport(run: self, first: first, tally: sum, elapsed: elapsed, recall: recall)
  }

  private func load(connection: Int, until deadline: ContinuousClock.Instant) async throws -> Tally {
    let client = try await VecClient.connect(socketPath: socketPath)
    let clock = ContinuousClock()
    var tally = Tally()
    var position = connection * (queries.count / connections)
    while clock.now < deadline {
      let request = request(from: position, length: batch)
      let firstQuery = position
      position = (position + batch) % queries.count
      let start = clock.now
      do {
        _ = try await client.search(request)
        _ = tally.latencies.record(UInt64(max(1, (clock.now - start) / .nanoseconds(1))))
        tally.requests += 1
      } catch {
        // Not `catch let error where ...`: inside a loop that crashes the optimizer of Swift 6.3.1.
        guard error.code == .overloaded else { throw template.placed(error, firstQuery: firstQuery) }
        tally.overloaded += 1
      }
    }
    client.close()
    return tally
  }

  /// The share of the exact top k found, and over how many queries.
  private func measureRecall(_ client: VecClient) async throws -> (share: Double, queries: Int) {
    let count = min(queries.count, Self.recallQueriesMax)
    let limit = template.queriesPerRequest(interests: queries.interests, dimension: queries.dimension)
    var (found, wanted) = (0, 0)
    for start in stride(from: 0, to: count, by: min(limit, 100)) {
      let length = min(limit, 100, count - start)
      var exact = request(from: start, length: length)
      let answered = try await client.search(exact)
      exact.effort = .exact
      exact.index = nil
      exact.generation = answered.generation
      let truth = try await client.search(exact)
      let (answer, reference) = (Self.idsPerQuery(answered), Self.idsPerQuery(truth))
      for (got, right) in zip(answer, reference) {
        found += got.intersection(right).count
        wanted += right.count
      }
    }
    return (wanted == 0 ? 1 : Double(found) / Double(wanted), count)
  }

  private func request(from start: Int, length: Int) -> SearchRequest {
    template.request(
      vectors: queries.portion(from: start, length: length), interests: queries.interests,
      dimension: queries.dimension)
  }

  private static func idsPerQuery(_ reply: SearchReply) -> [Set<UInt64>] {
    var rest = reply.ids[...]
    var queries: [Set<UInt64>] = []
    for count in reply.resultCounts {
      queries.append(Set(rest.prefix(Int(count))))
      rest = rest.dropFirst(Int(count))
    }
    return queries
  }
}
