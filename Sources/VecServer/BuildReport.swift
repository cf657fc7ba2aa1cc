import VecCore
import VecEngine

extension BuildOutcome {
  /// The report of a build. Keys are documented in `docs/COMMANDS.md`; they are added to, never renamed.
  var json: JSON {
    .object([
      ("index", .string(index.name)), ("rows", .count(rowCount)), ("bytes", .count(byteCount)),
      ("segments", .count(segmentCount)), ("target_recall", .float(targetRecall)),
      ("expected_recall", .float(expectedRecall)),
      ("indexes", .array(indexes.map(\.json))),
    ])
  }
}

extension BuildOutcome.Index {
  fileprivate var json: JSON {
    .object([
      ("index", .string(type.name)), ("queries", .count(queryCount)), ("queries_given", .bool(isOfSample)),
      ("settings", .array(settings.map(\.json))),
    ])
  }
}

extension BuildOutcome.Index.Setting {
  fileprivate var json: JSON {
    .object([
      ("k", .count(k)), ("parameter", .count(parameter)), ("recall", .float(recall)),
      ("reaches_target", .bool(reachesTarget)),
    ])
  }
}
