import VecCore
import VecKernels
import VecManifest
import VecStorage

/// Reads segments and writes one with their rows: the act behind every rewrite.
struct SegmentRewrite {
  private let sources: [SegmentHandle]
  private let kernels: Kernels
  /// The first row of each source, counted over all of them.
  private let starts: [Int]
  /// Row numbers over all sources, in the order they are written, all of them or some; nil for all as they are.
  var order: [UInt32]?
  /// Index sections of what is written, in ascending order of kind.
  var sections: [(kind: SectionKind, bytes: [UInt8])] = []

  init(_ sources: [SegmentHandle], kernels: Kernels) {
    self.sources = sources
    self.kernels = kernels
    var starts: [Int] = []
    var next = 0
    for source in sources {
      starts.append(next)
      next += source.file.header.rowCount
    }
    self.starts = starts
  }

  /// The sources' common element type, or float32, which holds the values of all.
  private var elementType: ElementType {
    let types = Set(sources.map(\.row.elementType))
    return types.count == 1 ? types.first ?? .f32 : .f32
  }

  /// - Parameter progress: told the share of rows written, 0 to 1.
  func write(
    to directory: StoreDirectory, uuid: UUID, collection: CollectionRow, generation: UInt64,
    progress: (Float) -> Void
  ) throws(VecError) -> WrittenSegment {
    let headers = sources.map(\.file.header)
    let header = SegmentHeader(
      uuid: uuid, dimension: collection.dimension, metric: collection.metric, elementType: elementType,
      rowCount: order?.count ?? headers.reduce(0) { $0 + $1.rowCount }, collectionNumber: collection.number,
      generationNumber: generation, greatestNorm: headers.map(\.greatestNorm).max() ?? 0,
      leastNorm: headers.map(\.leastNorm).min() ?? 0)
    let ids = sources.flatMap(\.ids)
    let inverseNorms = sources.flatMap { source in source.file.inverseNorms.map { Array($0) } ?? [] }
    let content = SegmentContent(
      header: header, ids: ordered(ids), inverseNorms: inverseNorms.isEmpty ? [] : ordered(inverseNorms),
      sections: sections, items: try ItemSections(sources.map(\.items), starts: starts, order: order))
    let written = try withoutActuallyEscaping(progress) { (progress) throws(VecError) in
      try content.write(to: directory) { (append) throws(VecError) in
        try copy(as: header.elementType, rowCount: header.rowCount, progress, append)
      }
    }
    // Pages that could not be read are zeros in what was written, with good checksums.
    if let bad = sources.first(where: \.file.isUnreadable) {
      try? directory.unlinkSegment(uuid)
      throw bad.unreadable
    }
    return written
  }

  private func ordered<T>(_ values: [T]) -> [T] { order.map { $0.map { values[Int($0)] } } ?? values }

  /// Hands out all rows in pieces, widened where the target's element type asks for it.
  private func copy(
    as type: ElementType, rowCount: Int, _ progress: (Float) -> Void,
    _ append: (UnsafeRawBufferPointer) throws(VecError) -> Void
  ) throws(VecError) {
    let dimension = sources.first?.file.header.dimension ?? 1
    let rowBytes = dimension * type.byteCount
    let pieceRows = max(1, 1_048_576 / rowBytes)
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceRows * rowBytes, alignment: 64)
    defer { piece.deallocate() }
    guard let to = piece.baseAddress else { return }
    for first in stride(from: 0, to: rowCount, by: pieceRows) {
      let count = min(pieceRows, rowCount - first)
      for place in 0..<count {
        let row = order.map { Int($0[first + place]) } ?? first + place
        try copy(row, dimension, as: type, to: to + place * rowBytes)
      }
      try append(UnsafeRawBufferPointer(rebasing: piece[..<(count * rowBytes)]))
      progress(Float(first + count) / Float(rowCount))
    }
  }

  /// - Parameter row: counted over all sources.
  private func copy(_ row: Int, _ dimension: Int, as type: ElementType, to: UnsafeMutableRawPointer) throws(VecError) {
    guard let number = starts.lastIndex(where: { $0 <= row }), let base = sources[number].file.vectors.baseAddress else {
      throw VecError(.internalDefect, "rewrite: there is no row \(row)")
    }
    let own = sources[number].row.elementType
    let from = base + (row - starts[number]) * dimension * own.byteCount
    if own == type {
      to.copyMemory(from: from, byteCount: dimension * type.byteCount)
    } else {
      kernels.widen(from, type: own, count: dimension, to: to.assumingMemoryBound(to: Float.self))
    }
  }
}
