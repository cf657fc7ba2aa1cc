import Synchronization
package import VecCore
package import VecKernels

/// Answers queries by any index of a generation's segments. Any number of threads may search at once; each search takes
/// working memory for traversals from those that have ended.
package final class IndexSearch: Sendable {
  /// The queries of one request.
  private struct Batch {
    let queries: UnsafeBufferPointer<Float>
    let dimension: Int
    let interests: Int
    let k: Int

    var count: Double { Double(max(1, queries.count / (interests * dimension))) }
  }

  private let kernels: Kernels
  private let scratches = Mutex<[TraversalScratch]>([])

  package init(kernels: Kernels) { self.kernels = kernels }

  /// The best `k` rows of all segments for each query, best first, by what the plan says; scores are exact with every
  /// index.
  ///
  /// - Parameters:
  ///   - segments: in the order of the plan's parameters, with what it names; no id twice among them. Those without
  ///     codes are scanned.
  ///   - queries: `queryCount * interests` vectors, query after query, that passed `QueryCheck`.
  /// - Returns: the hits, and the mean work per query.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `not-available` without the index, `internal-defect`.
  package func search(
    _ plan: SearchPlan, _ segments: [SearchedSegment], metric: Metric, queries: UnsafeBufferPointer<Float>,
    dimension: Int, interests: Int, k: Int, shouldStop: () -> Bool
  ) throws(VecError) -> (results: [[Hit]], work: SearchWork) {
    let batch = Batch(queries: queries, dimension: max(1, dimension), interests: max(1, interests), k: k)
    var scanned = plan.index == .flat ? segments : []
    var indexed: [(segment: SearchedSegment, parameter: UInt32, margin: Float?)] = []
    for (place, (segment, parameter)) in zip(segments, plan.parameters).enumerated() {
      // Without memory for codes no index can be searched, but every row can be looked at.
      if parameter == 0 || segment.plane.codes == nil { scanned.append(segment) } else {
        indexed.append((segment, parameter, plan.margin(of: place)))
      }
    }
    var lists: [[[Hit]]] = []
    var work = SearchWork()
    if !scanned.isEmpty || indexed.isEmpty {
      let planes = scanned.map(\.plane)
      lists.append(
        try FlatIndex(kernels: kernels, metric: metric).search(
          queries: queries, dimension: dimension, interests: interests, k: k, planes: planes, shouldStop: shouldStop))
      work = SearchWork(scanned: Double(planes.reduce(0) { $0 + $1.rowCount } * interests), settled: Double(k))
    }
    if !indexed.isEmpty {
      let (found, spent) =
        plan.index == .ivf
        ? try searchLists(indexed, plan.certainty, metric, batch, shouldStop)
        : try searchGraphs(indexed.map { ($0.segment, $0.parameter) }, metric, batch, shouldStop)
      lists += found
      work = work + spent
    }
    return (HitMerge.merge(lists, k: k, metric: metric), work)
  }

  private func searchLists(
    _ segments: [(segment: SearchedSegment, parameter: UInt32, margin: Float?)], _ certainty: Certainty, _ metric: Metric,
    _ batch: Batch, _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[[Hit]]], SearchWork) {
    var parts: [IVFPart] = []
    for (segment, nprobe, margin) in segments {
      guard let lists = segment.indexes.lists, segment.plane.codes != nil else { throw Self.missing(.ivf) }
      parts.append(IVFPart(lists: lists, plane: segment.plane, nprobe: Int(nprobe), margin: margin))
    }
    let (hits, work) = try IVFIndex(kernels: kernels, metric: metric).search(
      parts, queries: batch.queries, dimension: batch.dimension, interests: batch.interests, k: batch.k,
      certainty: certainty, shouldStop: shouldStop)
    // Rows settled depend on the width of registers, so only those that must be are counted.
    return (
      [hits],
      SearchWork(
        scanned: Double(parts.reduce(0) { $0 + $1.lists.count } * batch.interests) + Double(work.sampled) / batch.count,
        listed: Double(work.rows) / batch.count, settled: Double(batch.k))
    )
  }

  private func searchGraphs(
    _ segments: [(SearchedSegment, UInt32)], _ metric: Metric, _ batch: Batch, _ shouldStop: () -> Bool
  ) throws(VecError) -> ([[[Hit]]], SearchWork) {
    let scratch = scratches.withLock { $0.popLast() } ?? TraversalScratch()
    defer { scratches.withLock { $0.append(scratch) } }
    let before = scratch.visitedCount
    var lists: [[[Hit]]] = []
    for (segment, ef) in segments {
      guard let graph = segment.indexes.graph, let codes = segment.plane.codes else { throw Self.missing(.hnsw) }
      lists.append(
        try HNSWIndex(kernels: kernels, metric: metric).search(
          graph, queries: batch.queries, interests: batch.interests, k: batch.k, ef: Int(ef), plane: segment.plane,
          codes: codes, mask: segment.plane.mask, scratch: scratch, shouldStop: shouldStop))
    }
    let visited = Double(scratch.visitedCount - before) / batch.count
    return (lists, SearchWork(visited: visited, settled: 1.2 * Double(batch.k * segments.count)))
  }

  private static func missing(_ index: IndexType) -> VecError {
    VecError(.notAvailable, "index \(index.name): a segment does not have it")
  }
}
