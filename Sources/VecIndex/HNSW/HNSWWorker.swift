/// What one thread of a build works with.
final class HNSWWorker {
  let scratch = TraversalScratch()
  let selection: EdgeSelection
  /// Room for the rows of one list before and after it is shortened.
  private var members: [UInt32] = []
  private let chosen = Scratch<UInt32>(TraversalScratch.gatherMax)

  init(_ scorer: some RowScorer, _ parameters: HNSWParameters) {
    scratch.reserve(
      nodes: scorer.rowCount, interests: 1, capacity: max(64, parameters.efConstruction), queryByteCount: scorer.queryByteCount)
    selection = EdgeSelection(
      alpha: parameters.alpha, capacity: parameters.efConstruction, queryByteCount: scorer.queryByteCount)
  }

  /// The row, ready to be compared with others, in the scratch's memory for queries.
  func prepare(_ row: UInt32, _ scorer: some RowScorer) -> UnsafeRawPointer? {
    guard let query = scratch.prepared.baseAddress else { return nil }
    scorer.prepare(row: row, into: query)
    return UnsafeRawPointer(query)
  }

  /// Copies a list, chosen anew when it is longer than `limit`. Returns its length.
  func shortened(
    _ graph: Adjacency, _ row: UInt32, limit: Int, _ scorer: some RowScorer, into out: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let list = graph.list(row)
    let degree = graph.degree(row)
    if degree <= limit {
      out.update(from: list, count: degree)
      return degree
    }
    members.removeAll(keepingCapacity: true)
    members.append(contentsOf: UnsafeBufferPointer(start: list, count: degree))
    return selection.choose(for: row, members, limit: limit, scorer, into: out)
  }

  /// Adds links to a list; where they do not fit, the list is chosen anew from both, `limit` long at most.
  func add(_ sources: [UInt32], to row: UInt32, _ graph: Adjacency, limit: Int, _ scorer: some RowScorer) {
    let list = graph.list(row)
    let degree = graph.degree(row)
    if degree + sources.count <= graph.stride {
      for (index, source) in sources.enumerated() { list[degree + index] = source }
      return
    }
    members.removeAll(keepingCapacity: true)
    members.append(contentsOf: UnsafeBufferPointer(start: list, count: degree))
    members.append(contentsOf: sources)
    let kept = selection.choose(for: row, members, limit: limit, scorer, into: chosen.base)
    list.update(from: chosen.base, count: kept)
    for slot in kept..<graph.stride { list[slot] = Adjacency.none }
  }
}
