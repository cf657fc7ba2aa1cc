import VecCore
import VecManifest

/// What was checked before a publish, for people and pipelines. docs/publishing.md has the keys.
struct PublishReport {
  enum Check: String {
    case leastRows = "least_rows"
    case leastShare = "least_share"
    case leastRecall = "least_recall"
    case leastOverlap = "least_overlap"
    case greatestDrift = "greatest_drift"
    case greatestUnseen = "greatest_unseen"

    var isUpperLimit: Bool { self == .greatestDrift || self == .greatestUnseen }

    /// For messages.
    var words: String {
      switch self {
      case .leastRows: "the number of rows"
      case .leastShare: "the share of the live generation's number of rows"
      case .leastRecall: "recall"
      case .leastOverlap: "the overlap with the live generation's results"
      case .greatestDrift: "the drift of the scores"
      case .greatestUnseen: "the share of rows that no query is answered with"
      }
    }
  }

  private struct Line {
    var check: String
    var limit: JSON
    var measured: JSON
    var passed: Bool
    /// Why it failed.
    var failure: String = ""
  }

  let collection: String
  let generation: GenerationRow
  let live: GenerationRow?
  var isDryRun = false
  /// What is live answers nothing, so nothing can be compared with it.
  var isLiveFenced = false
  /// Results per query.
  var k: Int?
  var queries: (count: Int, source: QuerySource)?
  private var lines: [Line] = []

  init(collection: String, generation: GenerationRow, live: GenerationRow?) {
    self.collection = collection
    self.generation = generation
    self.live = live
  }

  /// Rows are compared as what they are, whole numbers.
  mutating func addRows(limit: UInt64?, measured: UInt64) {
    guard limit != nil || isDryRun else { return }
    lines.append(
      Line(
        check: Check.leastRows.rawValue, limit: limit.map { .unsigned($0) } ?? .null, measured: .unsigned(measured),
        passed: measured >= limit ?? 0, failure: failure(.leastRows, "\(measured)", "\(limit ?? 0)")))
  }

  /// - Parameters:
  ///   - limit: nil for what is only told.
  ///   - measured: nil when there was nothing to measure with.
  ///   - needs: whether that fails the check.
  mutating func add(_ check: Check, limit: Float?, measured: Double?, needs: Bool = true) {
    guard limit != nil || isDryRun else { return }
    // As a Float, as the limit is one: 0.8 is at least 0.8.
    let measured = measured.map { Float($0) }
    var line = Line(
      check: check.rawValue, limit: limit.map { .float($0) } ?? .null, measured: measured.map { .float($0) } ?? .null,
      passed: true)
    if let limit {
      if let measured {
        line.passed = check.isUpperLimit ? measured <= limit : measured >= limit
        line.failure = failure(check, measured.description, limit.description)
      } else {
        line.passed = !needs
        line.failure = "\(check.words) could not be measured: \(missing(check))"
      }
    }
    lines.append(line)
  }

  private func failure(_ check: Check, _ measured: String, _ limit: String) -> String {
    "\(check.words) is \(measured), \(check.isUpperLimit ? "at most" : "at least") \(limit) was asked"
  }

  mutating func addModel(wanted: String?, carried: String?) {
    guard wanted != nil || isDryRun else { return }
    lines.append(
      Line(
        check: "model", limit: .optional(wanted), measured: .optional(carried), passed: wanted == nil || wanted == carried,
        failure: "the generation carries \(carried.map { "model \(Names.quoted($0))" } ?? "no model version"), "
          + "\(Names.quoted(wanted ?? "")) was asked"))
  }

  private func missing(_ check: Check) -> String {
    if isLiveFenced, [.leastShare, .leastOverlap, .greatestDrift].contains(check) {
      return "the live generation is fenced"
    }
    if queries != nil, check == .leastOverlap || check == .greatestDrift {
      return "give queries, as the models of both generations see the same users"
    }
    return "give queries, have some captured (configure), or build the index with a sample"
  }

  var hasPassed: Bool { lines.allSatisfy(\.passed) }

  /// Everything that failed; nil when all holds.
  var refusal: String? {
    guard !hasPassed else { return nil }
    let failures = lines.filter { !$0.passed }.map(\.failure).joined(separator: "; ")
    return "generation \(generation.label) of \(collection) was not published: \(failures)\(told)"
  }

  private var told: String {
    guard let queries else { return "" }
    return " (\(queries.count) queries, \(queries.source.rawValue)\(k.map { ", k \($0)" } ?? ""))"
  }

  var json: JSON {
    .object([
      ("collection", .string(collection)), ("generation", .string(generation.label)),
      ("live", .optional(live?.label)), ("dry_run", .bool(isDryRun)), ("passed", .bool(hasPassed)),
      ("k", k.map { .count($0) } ?? .null),
      ("queries", queries.map { .object([("count", .count($0.count)), ("source", .string($0.source.rawValue))]) } ?? .null),
      (
        "checks",
        .array(
          lines.map { line in
            .object([
              ("check", .string(line.check)), ("limit", line.limit), ("measured", line.measured),
              ("passed", .bool(line.passed)),
            ])
          })
      ),
    ])
  }
}
