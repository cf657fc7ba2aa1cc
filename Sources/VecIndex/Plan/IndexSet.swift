package import VecCore
import VecKernels

/// The indexes that one segment has besides flat, which every segment has.
package struct IndexSet: Sendable {
  package var lists: IVFLists?
  package var graph: HNSWGraph?
  package var calibration: Calibration?

  package init(lists: IVFLists? = nil, graph: HNSWGraph? = nil, calibration: Calibration? = nil) {
    self.lists = lists
    self.graph = graph
    self.calibration = calibration
  }

  package var available: IndexTypes {
    var types: IndexTypes = []
    if lists != nil { types.insert(.ivf) }
    if graph != nil { types.insert(.hnsw) }
    return types
  }

  /// What to tell the planner of a segment with these indexes.
  package func planned(
    rowCount: Int, liveCount: Int? = nil, excludedCount: Int = 0, isFiltered: Bool = false
  ) -> Planner.Part {
    let share = liveCount.map { Double($0) / Double(max(1, rowCount)) } ?? 1
    return Planner.Part(
      calibration: calibration, available: available, rowCount: rowCount, liveShare: share, excludedCount: excludedCount,
      isFiltered: isFiltered)
  }

  /// A planner for one segment.
  package func planner(rowCount: Int, dimension: Int, costs: CostModel) -> Planner {
    Planner(
      parts: [planned(rowCount: rowCount)], stride: RowCode.stride(dimension: dimension), dimension: dimension, costs: costs)
  }
}

/// Some of the indexes besides flat. A request plans with it, so it is a number and no set of the heap.
package struct IndexTypes: OptionSet, Sendable {
  package static let ivf = IndexTypes(rawValue: 1)
  package static let hnsw = IndexTypes(rawValue: 2)

  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package init(_ type: IndexType) {
    switch type {
    case .flat: self = []
    case .ivf: self = .ivf
    case .hnsw: self = .hnsw
    }
  }

  package func contains(_ type: IndexType) -> Bool { type != .flat && isSuperset(of: IndexTypes(type)) }

  /// Ascending.
  package var types: [IndexType] { IndexType.allCases.filter { contains($0) } }
}

/// A segment in a search.
package struct SearchedSegment {
  package let indexes: IndexSet
  /// With codes, unless there was no memory for them.
  package let plane: VectorPlane

  package init(indexes: IndexSet, plane: VectorPlane) {
    self.indexes = indexes
    self.plane = plane
  }
}
