import Glibc
import VecCore
import VecEngine

extension Daemon {
  /// The answer to `stats`. Keys are documented in `docs/OPERATING.md`; they are added to, never renamed.
  func report() -> JSON {
    let engineNow = engine.statistics
    return .object([
      ("version", .string(VecVersion.number)),
      ("pid", .count(getpid())),
      ("uptime_s", .count((MonotonicTime.now() - startedAt) / 1_000_000_000)),
      ("store", .string(options.storePath)),
      ("kernel_tier", .string(engineNow.kernelTier)),
      ("stopping", .bool(isStopping)),
      ("connections", connections.json),
      ("requests", requests.json),
      ("malformed_frames", .count(requests.malformedCount)),
      ("in_flight", .count(acceptedCount)),
      ("writes", writes.json),
      ("upkeep", upkeep.json(isDue: engine.isUpkeepDue)),
      ("scrub", scrub.json(bytesPerSecond: options.scrubRate)),
      ("gauge", gauge.json),
      ("parked_searches", .count(parked.count)),
      ("queues", .object(pool.lanes.map { ($0.name, Self.json($0)) })),
      ("memory", memory(engineNow)),
      ("segments", .count(engineNow.segmentCount)),
      ("exclude_sets", Self.sets(engineNow.exclusionSets)), ("bias_sets", Self.sets(engineNow.biasSets)),
      ("ballast_bytes", .count(engineNow.ballastByteCount)),
      ("collections", collections()),
    ])
  }

  private static func json(_ lane: Lane) -> JSON {
    let load = lane.currentLoad
    return .object([
      ("threads", .count(load.threads)), ("queued", .count(load.queued)), ("limit", .count(lane.queueMax)),
      ("running", .count(load.running)), ("completed", .count(load.completed)), ("rejected", .count(load.rejected)),
    ])
  }

  private static func json(_ counts: ModelCounts) -> JSON {
    .object([
      ("matched", .count(counts.matched)), ("routed", .count(counts.routed)), ("counted", .count(counts.counted)),
      ("refused", .count(counts.refused)), ("unstated", .count(counts.unstated)),
    ])
  }

  private static func sets(_ counts: NamedSetCounts) -> JSON {
    .object([
      ("sets", .count(counts.sets)), ("ids", .count(counts.ids)), ("bytes", .count(counts.bytes)),
      ("damaged", .count(counts.damaged)),
    ])
  }

  private func memory(_ engineNow: EngineStatistics) -> JSON {
    .object([
      ("rss_bytes", .count(ProcessFacts.residentBytes())),
      ("mapped_bytes", .count(engineNow.mappedBytes)),
      ("code_bytes", .count(engineNow.codeBytes)), ("index_bytes", .count(engineNow.heldBytes)),
      ("index_budget_bytes", .count(engineNow.budgetBytes)),
      ("budget_bytes", .count(options.memoryBudget)),
      ("request_bytes", .count(budget.used)),
      ("request_bytes_limit", .count(budget.limit)),
      ("connections_waiting", .count(budget.waiterCount)),
    ])
  }

  private func collections() -> JSON {
    guard let found = try? engine.list() else { return .null }
    let models = engine.modelCounts
    return .array(
      found.map { info in
        .object([
          ("name", .string(info.name)), ("dimension", .count(info.dimension)), ("metric", .string(info.metric.name)),
          ("sequence", .count(info.sequence)), ("live_generation", .optional(info.liveGeneration)),
          ("live_rows", .count(info.liveRowCount)), ("generations", .count(info.generationCount)),
          ("fence", .optional(info.fence)), ("models", Self.json(models[info.name] ?? ModelCounts())),
          ("recall_gauge", gauge.json(of: info.name)),
        ])
      })
  }
}
