import VecCore
import VecIndex
import VecManifest

/// When writes have made a generation bad enough that work is worth it. What is measured is what searches lose.
package struct UpkeepPolicy: Sendable, Equatable {
  /// Segments without an index that are about as long as each other before they become one.
  package var mergeCount = 4
  /// Segments up to so many rows are as long as each other; from there on those within a factor of four.
  package var mergeRows = 32_768
  /// How much more a search may cost for rows outside of the index, and for dead rows in it.
  package var lossMax = 1.2
  /// Share of a segment's rows that may be dead.
  package var deadMax = 0.25
  /// How far recall may lie below the target.
  package var recallLossMax: Float = 0.02
  /// Rows below which nothing is worth a rebuild.
  package var rebuildRows = 20_000

  package init() {}
}

/// What is due for one generation, and why.
enum DueUpkeep {
  case merge([SegmentHandle], reason: String)
  case rebuild(reason: String)
}

extension UpkeepPolicy {
  /// Cheap: asked after every group of writes.
  ///
  /// - Parameter rowsMax: of a segment. Those that a build has cut to that are left as they are.
  /// - Returns: the most urgent first; others of the same generation may fit where that finds no room.
  func due(_ generation: Generation, dimension: Int, costs: CostModel, rowsMax: Int) -> [DueUpkeep] {
    guard generation.row.state != .building, generation.hasWrites || generation.segments.count > 1 else { return [] }
    return [rebuild(generation, dimension, costs), full(generation, rowsMax), wasted(generation)].compactMap { $0 }
  }

  private func rebuild(_ generation: Generation, _ dimension: Int, _ costs: CostModel) -> DueUpkeep? {
    let indexed = generation.segments.filter { !$0.indexes.available.isEmpty }
    let rows = indexed.reduce(0) { $0 + Int($1.row.rowCount) }
    guard rows > 0, generation.rowCount >= UInt64(rebuildRows) else { return nil }
    let dead = Double(rows - indexed.reduce(0) { $0 + generation.liveCount($1) }) / Double(rows)
    if dead > deadMax { return .rebuild(reason: "\(Self.percent(dead)) of the indexed rows are dead") }
    let loss = generation.planner(dimension: dimension, costs: costs).unindexedLoss(k: 100) / (1 - dead)
    if loss > lossMax {
      return .rebuild(reason: "searches cost \((loss * 100).rounded() / 100) times what a fresh index would")
    }
    if let probe = generation.probe, probe.recall < min(probe.target, probe.best ?? 1) - recallLossMax {
      return .rebuild(reason: "\(probe.queryCount) queries have a recall of \(probe.recall), the target is \(probe.target)")
    }
    return nil
  }

  /// Of several segments without an index, those of the shortest class that is full.
  private func full(_ generation: Generation, _ rowsMax: Int) -> DueUpkeep? {
    let plain = generation.segments.filter { $0.indexes.available.isEmpty && Int($0.row.rowCount) <= rowsMax / mergeCount }
    let classes = Dictionary(grouping: plain) { sizeClass(Int($0.row.rowCount)) }
    guard let found = classes.filter({ $0.value.count >= mergeCount }).min(by: { $0.key < $1.key })?.value else { return nil }
    let merged = Array(found.prefix(mergeCount))
    return .merge(merged, reason: "\(merged.count) segments of a size")
  }

  /// Of the segments without an index that have too many dead rows, the one with the fewest others.
  private func wasted(_ generation: Generation) -> DueUpkeep? {
    let wasted = generation.segments.filter { segment in
      segment.indexes.available.isEmpty
        && Double(generation.liveCount(segment)) < (1 - deadMax) * Double(segment.row.rowCount)
    }
    guard let least = wasted.min(by: { generation.liveCount($0) < generation.liveCount($1) }) else { return nil }
    let dead = 1 - Double(generation.liveCount(least)) / Double(least.row.rowCount)
    return .merge([least], reason: "\(Self.percent(dead)) of the rows of a segment are dead")
  }

  private func sizeClass(_ rowCount: Int) -> Int {
    var (number, limit) = (0, mergeRows)
    while rowCount > limit { (number, limit) = (number + 1, limit * 4) }
    return number
  }

  private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
}

extension Generation {
  /// Whether the rows of segments that count will surely take less than the segments do.
  ///
  /// - Parameter growth: by how much at most a row without an index gets longer.
  func shrinks(_ segments: [SegmentHandle], growth: Double) -> Bool {
    let isWidened = Set(segments.map(\.row.elementType)).count > 1
    let (before, after) = segments.reduce(into: (0.0, 0.0)) { sums, segment in
      let byteCount = Double(segment.row.byteCount)
      let share = Double(liveCount(segment)) / Double(max(1, segment.row.rowCount))
      sums.0 += byteCount
      sums.1 += byteCount * share * (segment.indexes.available.isEmpty ? growth : 1)
    }
    return !isWidened && after < 0.9 * before
  }
}
