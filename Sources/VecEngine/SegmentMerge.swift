import VecCore
import VecKernels
import VecManifest
import VecStorage

/// Reads several segments and writes one with all their rows, in their order: the act behind every rewrite.
struct SegmentMerge {
  private let sources: [SegmentHandle]
  private let kernels: Kernels

  init(_ sources: [SegmentHandle], kernels: Kernels) {
    self.sources = sources
    self.kernels = kernels
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
      rowCount: headers.reduce(0) { $0 + $1.rowCount }, collectionNumber: collection.number,
      generationNumber: generation, greatestNorm: headers.map(\.greatestNorm).max() ?? 0,
      leastNorm: headers.map(\.leastNorm).min() ?? 0)
    let content = SegmentContent(
      header: header, ids: sources.flatMap(\.ids),
      inverseNorms: sources.flatMap { source in source.file.inverseNorms.map { Array($0) } ?? [] })
    return try withoutActuallyEscaping(progress) { (progress) throws(VecError) in
      try content.write(to: directory) { (append) throws(VecError) in
        var done = 0
        for source in sources {
          try copy(source, as: header.elementType) { (piece, rows) throws(VecError) in
            try append(piece)
            done += rows
            progress(Float(done) / Float(header.rowCount))
          }
        }
      }
    }
  }

  /// Hands out the rows of one segment in pieces, widened where the target's element type asks for it.
  private func copy(
    _ source: SegmentHandle, as type: ElementType, _ take: (UnsafeRawBufferPointer, Int) throws(VecError) -> Void
  ) throws(VecError) {
    let dimension = source.file.header.dimension
    let rowBytes = dimension * source.row.elementType.byteCount
    let vectors = source.file.vectors
    let pieceRows = max(1, 65_536 / dimension)
    var widened = [Float](repeating: 0, count: pieceRows * dimension)
    for start in stride(from: 0, to: source.file.header.rowCount, by: pieceRows) {
      let rows = min(pieceRows, source.file.header.rowCount - start)
      let piece = UnsafeRawBufferPointer(rebasing: vectors[(start * rowBytes)..<((start + rows) * rowBytes)])
      if source.row.elementType == type {
        try take(piece, rows)
        continue
      }
      try widened.withUnsafeMutableBufferPointer { (values) throws(VecError) in
        guard let to = values.baseAddress, let from = piece.baseAddress else { return }
        kernels.widen(from, type: source.row.elementType, count: rows * dimension, to: to)
        try take(UnsafeRawBufferPointer(start: to, count: rows * dimension * 4), rows)
      }
    }
  }
}
