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
      case .leastRows: "rows"
      case .leastShare: "rows in times of the live generation's"
      case .leastRecall: "recall"
      case .leastOverlap: "overlap with the live generation"
      case .greatestDrift: "drift of the scores"
      case .greatestUnseen: "share of rows that no query is answered with"
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
  /// Results per query.
  var k: Int?
  var queries: (count: Int, source: QuerySource)?
  private var lines: [Line] = []

  init(collection: String, generation: GenerationRow, live: GenerationRow?) {
    self.collection = collection
    self.generation = generation
    self.live = live
  }

  /// - Parameters:
  ///   - limit: nil for what is only told.
  ///   - measured: nil when there was nothing to measure with.
  ///   - needs: whether that fails the check.
  mutating func add(_ check: Check, limit: Double?, measured: Double?, needs: Bool = true) {
    guard limit != nil || isDryRun else { return }
    var line = Line(
      check: check.rawValue, limit: Self.number(limit, check), measured: Self.number(measured, check), passed: true)
    if let limit {
      let asked = "\(check.isUpperLimit ? "at most" : "at least") \(Self.text(limit)) was asked"
      if let measured {
        line.passed = check.isUpperLimit ? measured <= limit : measured >= limit
        line.failure = "\(check.words) is \(Self.text(measured)), \(asked)"
      } else {
        line.passed = !needs
        line.failure = "\(check.words) could not be measured, \(asked): \(missing(check))"
      }
    }
    lines.append(line)
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
    if queries != nil, check == .leastOverlap || check == .greatestDrift {
      return "give queries, as the models of both generations see the same users"
    }
    return "give queries, have some captured (configure), or build the index with a sample"
  }

  var hasPassed: Bool { lines.allSatisfy(\.passed) }

  /// - Throws: `publish-refused` with everything that failed.
  func refuse() throws(VecError) {
    guard !hasPassed else { return }
    let failures = lines.filter { !$0.passed }.map(\.failure).joined(separator: "; ")
    throw VecError(
      .publishRefused, "generation \(generation.label) of \(collection) was not published: \(failures)\(told)")
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

  private static func number(_ value: Double?, _ check: Check) -> JSON {
    guard let value else { return .null }
    return check == .leastRows ? .count(Int64(value)) : .double(value)
  }

  private static func text(_ value: Double) -> String {
    let rounded = (value * 10_000).rounded() / 10_000
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(rounded)) : String(rounded)
  }
}
