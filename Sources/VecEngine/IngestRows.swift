import VecCore
import VecKernels
import VecStorage

/// The rows of one ingest while it is open: checked, spooled as float32, and what the segment's header will say of them.
///
/// Unchecked sendable: `Ingest` touches it under its lock only, and takes it out of the lock for good to commit it.
final class IngestRows: @unchecked Sendable {
  private(set) var ids: [UInt64] = []
  private let spool: RowSpool
  private let dimension: Int
  private let metric: Metric
  private let kernels: Kernels
  private var inverseNorms: [Float] = []
  private var greatestNorm = 0.0
  private var leastNorm = Double.infinity
  private var fitsF16 = true
  private var fitsBF16 = true
  private var block: [Float]
  private let blockRows: Int
  private var items: ItemCollector

  /// - Parameters:
  ///   - spool: for the vectors.
  ///   - items: for what comes with them.
  init(spool: RowSpool, dimension: Int, metric: Metric, kernels: Kernels, items: ItemCollector) {
    self.spool = spool
    self.dimension = dimension
    self.metric = metric
    self.kernels = kernels
    self.items = items
    blockRows = max(1, 65_536 / dimension)
    block = [Float](repeating: 0, count: blockRows * dimension)
  }

  /// Takes `count` rows; see `Ingest.append`.
  func append(
    elementType: ElementType, count: Int, ids newIDs: UnsafeRawBufferPointer, elements: UnsafeRawBufferPointer,
    records: [AttributeRecord] = []
  ) throws(VecError) {
    let rowBytes = dimension * elementType.byteCount
    try Limits.check(count, 1...Limits.ingestRowsMax, "the number of rows in one call")
    guard newIDs.count == count * 8, elements.count == count * rowBytes,
      let base = elements.baseAddress
    else {
      throw VecError(
        .invalidArgument,
        "\(count) rows with \(newIDs.count) bytes of ids and \(elements.count) of vectors: each row has an 8-byte id and "
          + "\(rowBytes) bytes")
    }
    guard ids.count + count <= Limits.segmentRowsMax else {
      throw VecError(.limitExceeded, "an ingest has at most \(Limits.segmentRowsMax) rows: begin another one")
    }
    for start in stride(from: 0, to: count, by: blockRows) {
      let rows = min(blockRows, count - start)
      try take(base + start * rowBytes, rows: rows, type: elementType, before: ids.count + start)
    }
    let taken = (0..<count).map { newIDs.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    try items.append(records, ids: taken)
    ids += taken
  }

  /// One block: to float32, checked, noted, spooled.
  private func take(_ base: UnsafeRawPointer, rows: Int, type: ElementType, before: Int) throws(VecError) {
    let inspection = try block.withUnsafeMutableBufferPointer { (values) throws(VecError) in
      guard let start = values.baseAddress else { throw VecError(.internalDefect, "an ingest block has no memory") }
      kernels.widen(base, type: type, count: rows * dimension, to: start)
      let taken = UnsafeBufferPointer(start: start, count: rows * dimension)
      let inspection = RowInspection(rows: taken, dimension: dimension)
      try RowCheck.check(inspection, rows: taken, dimension: dimension, metric: metric, before: before)
      try spool.append(UnsafeRawBufferPointer(taken))
      return inspection
    }
    fitsF16 = fitsF16 && inspection.fitsF16
    fitsBF16 = fitsBF16 && inspection.fitsBF16
    for norm in inspection.norms {
      greatestNorm = max(greatestNorm, norm)
      leastNorm = min(leastNorm, norm)
    }
    if metric == .cosine { inverseNorms += inspection.norms.map(RowInspection.inverse) }
  }

  /// Writes and publishes the segment.
  func write(
    to directory: StoreDirectory, uuid: UUID, collection: UInt64, generation: UInt64
  ) throws(VecError) -> WrittenSegment {
    let type: ElementType = fitsF16 ? .f16 : fitsBF16 ? .bf16 : .f32
    let header = SegmentHeader(
      uuid: uuid, dimension: dimension, metric: metric, elementType: type, rowCount: ids.count,
      collectionNumber: collection, generationNumber: generation,
      greatestNorm: SegmentHeader.roundedUp(greatestNorm), leastNorm: SegmentHeader.roundedDown(leastNorm))
    let content = SegmentContent(header: header, ids: ids, inverseNorms: inverseNorms, items: items.sections())
    do throws(VecError) { return try write(content, type, to: directory) } catch { throw items.naming(error, ids) }
  }

  private func write(
    _ content: SegmentContent, _ type: ElementType, to directory: StoreDirectory
  ) throws(VecError) -> WrittenSegment {
    try content.write(to: directory) { (append) throws(VecError) in
      var narrowed = [UInt8](repeating: 0, count: blockRows * dimension * type.byteCount)
      try spool.readBack(blockSize: blockRows * dimension * 4) { (bytes) throws(VecError) in
        let values = bytes.bindMemory(to: Float.self)
        try narrowed.withUnsafeMutableBufferPointer { (out) throws(VecError) in
          guard let start = UnsafeMutableRawPointer(out.baseAddress) else { return }
          ElementCoding.narrow(values, to: type, into: start)
          try append(UnsafeRawBufferPointer(start: start, count: values.count * type.byteCount))
        }
      }
    }
  }
}
