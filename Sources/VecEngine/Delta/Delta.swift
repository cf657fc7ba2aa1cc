import VecAttributes
import VecCore
import VecIndex
import VecKernels
import VecManifest
import VecStorage

/// A delta in memory: the rows of its upserts, oldest first, in blocks.
struct Delta {
  /// Rows of a block, and bytes where vectors are long.
  private static let blockRows = 4_096
  private static let blockBytes = 4 << 20

  var row: DeltaRow
  private(set) var parts: [DeltaPart] = []
  private(set) var rowCount = 0
  /// Of its writes, upserts and deletes.
  var idCount = 0
  /// Of the attributes and payloads of its rows.
  private var recordByteCount = 0
  let blockRows: Int
  private let dimension: Int
  private let metric: Metric

  init(_ row: DeltaRow, dimension: Int, metric: Metric) {
    self.row = row
    self.dimension = dimension
    self.metric = metric
    blockRows = max(64, min(Self.blockRows, Self.blockBytes / (4 * dimension)))
  }

  var byteCount: Int {
    let block = DeltaBlock.byteCount(capacity: blockRows, dimension: dimension)
    return parts.reduce(recordByteCount) { $0 + block + ($1.codes?.byteCount ?? 0) + ($1.columns?.byteCount ?? 0) }
  }
  var liveCount: Int { parts.reduce(0) { $0 + $1.liveCount } }

  func isLive(_ row: Int) -> Bool { parts[row / blockRows].isLive(row % blockRows) }

  func record(_ row: Int) -> AttributeRecord { parts[row / blockRows].block.record(row % blockRows) }

  /// Appends a row that was checked; its number.
  mutating func append(
    _ id: UInt64, _ vector: UnsafePointer<Float>, norm: Double, _ record: AttributeRecord = AttributeRecord()
  ) -> Int {
    if parts.last?.isFull ?? true {
      parts.append(DeltaPart(block: DeltaBlock(capacity: blockRows, dimension: dimension, metric: metric)))
    }
    let last = parts.count - 1
    parts[last].block.put(
      id, vector, inverseNorm: metric == .cosine ? RowInspection.inverse(norm) : 0, record, at: parts[last].rowCount)
    if !record.isEmpty { recordByteCount += record.memoryByteCount }
    parts[last].rowCount += 1
    parts[last].greatestNorm = max(parts[last].greatestNorm, SegmentHeader.roundedUp(norm))
    rowCount += 1
    return rowCount - 1
  }

  /// Brings the parts up to date after some rows were appended and some died.
  mutating func settle(dead rows: [Int]) {
    let byPart = Dictionary(grouping: rows) { $0 / blockRows }
    for place in parts.indices {
      let dead = (byPart[place] ?? []).map { $0 % blockRows }
      guard parts[place].live != nil || !dead.isEmpty else { continue }
      let before = parts[place].live ?? LiveRows(rowCount: parts[place].rowCount)
      guard !dead.isEmpty || before.rowCount != parts[place].rowCount else { continue }
      parts[place].live = before.extended(to: parts[place].rowCount, removing: dead)
    }
  }

  /// Codes the blocks that have become full, so that searches scan bytes instead of floats, and filters columns instead of
  /// records.
  mutating func code() {
    for place in parts.indices where parts[place].isFull && parts[place].codes == nil {
      // Without memory for codes the floats are scanned on: slower, and the same answer.
      parts[place].codes = try? CodedRows(parts[place].plane.masked(by: nil), metric: metric)
      let block = parts[place].block
      parts[place].columns = try? AttributeColumns(records: (0..<parts[place].rowCount).map { block.record($0) })
    }
  }
}
