import Histogram
import Synchronization
import VecCore
import VecProtocol

/// Counts and latencies of requests, by kind and error code.
///
/// Thread rule: any thread may call; each kind has its own lock, held for some tens of nanoseconds.
final class RequestStatistics: Sendable {
  private struct Record {
    var count: UInt64 = 0
    var errors: [VecErrorCode: UInt64] = [:]
    /// Microseconds from the whole frame to the encoded reply; up to an hour, two significant digits.
    var latency = Histogram<UInt64>(
      lowestDiscernibleValue: 1, highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .two)
  }

  /// A lock cannot lie in an array by itself.
  private final class Cell: Sendable {
    let record = Mutex(Record())
  }

  private let cells: [Cell]
  private let malformed = Atomic<UInt64>(0)

  init() { cells = MessageKind.allCases.map { _ in Cell() } }

  /// - Parameter microseconds: nil for requests that were refused before any work.
  func record(_ kind: MessageKind, _ code: VecErrorCode?, microseconds: UInt64?) {
    cells[Int(kind.rawValue) - 1].record.withLock { record in
      record.count += 1
      if let code { record.errors[code, default: 0] += 1 }
      if let microseconds { _ = record.latency.record(min(max(1, microseconds), 3_600_000_000)) }
    }
  }

  /// A frame that is no request of a known kind.
  func recordMalformed() { malformed.add(1, ordering: .relaxed) }

  var malformedCount: UInt64 { malformed.load(ordering: .relaxed) }

  func errorCount(_ code: VecErrorCode) -> UInt64 {
    cells.reduce(0) { $0 + $1.record.withLock { $0.errors[code] ?? 0 } }
  }

  /// Kinds that were asked at least once: `{"search":{"count":..,"errors":{..},"latency_us":{..}}}`.
  var json: JSON {
    var members: [(String, JSON)] = []
    for (kind, cell) in zip(MessageKind.allCases, cells) {
      let record = cell.record.withLock { $0 }
      guard record.count > 0 else { continue }
      let errors = record.errors.sorted { $0.key.rawValue < $1.key.rawValue }
      members.append(
        (
          kind.name,
          .object([
            ("count", .count(record.count)),
            ("errors", .object(errors.map { ($0.key.name, .count($0.value)) })),
            ("latency_us", Self.json(record.latency)),
          ])
        ))
    }
    return .object(members)
  }

  private static func json(_ latency: Histogram<UInt64>) -> JSON {
    guard latency.totalCount > 0 else { return .null }
    return .object([
      ("count", .count(latency.totalCount)),
      ("mean", .double(latency.mean.rounded())),
      ("p50", .count(latency.valueAtPercentile(50))),
      ("p90", .count(latency.valueAtPercentile(90))),
      ("p95", .count(latency.valueAtPercentile(95))),
      ("p99", .count(latency.valueAtPercentile(99))),
      ("p999", .count(latency.valueAtPercentile(99.9))),
      ("max", .count(latency.max)),
    ])
  }
}
