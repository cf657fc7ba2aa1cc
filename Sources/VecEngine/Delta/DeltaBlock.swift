import VecAttributes
import VecCore
import VecIndex
import VecKernels

/// Room for some thousand rows of a delta, filled from the front and never moved.
///
/// Unchecked sendable: the writer alone appends, behind the rows that anyone was told of; a reader looks at the first rows
/// only, as many as the `DeltaPart` it holds says.
final class DeltaBlock: @unchecked Sendable {
  let capacity: Int
  private let dimension: Int
  private let vectors: UnsafeMutablePointer<Float>
  private let ids: UnsafeMutablePointer<UInt64>
  private let inverseNorms: UnsafeMutablePointer<Float>?
  private let records: UnsafeMutablePointer<AttributeRecord>

  init(capacity: Int, dimension: Int, metric: Metric) {
    self.capacity = capacity
    self.dimension = dimension
    vectors = .allocate(capacity: capacity * dimension)
    ids = .allocate(capacity: capacity)
    inverseNorms = metric == .cosine ? .allocate(capacity: capacity) : nil
    records = .allocate(capacity: capacity)
    records.initialize(repeating: AttributeRecord(), count: capacity)
  }

  deinit {
    vectors.deallocate()
    ids.deallocate()
    inverseNorms?.deallocate()
    records.deinitialize(count: capacity)
    records.deallocate()
  }

  /// Bytes that a block of this shape takes.
  static func byteCount(capacity: Int, dimension: Int) -> Int { capacity * (4 * dimension + 28) }

  /// - Parameter inverseNorm: of a cosine collection's vector.
  func put(_ id: UInt64, _ vector: UnsafePointer<Float>, inverseNorm: Float, _ record: AttributeRecord, at row: Int) {
    (vectors + row * dimension).update(from: vector, count: dimension)
    ids[row] = id
    inverseNorms?[row] = inverseNorm
    if !record.isEmpty { records[row] = record }
  }

  func id(_ row: Int) -> UInt64 { ids[row] }

  func record(_ row: Int) -> AttributeRecord { records[row] }

  func vector(_ row: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: vectors + row * dimension, count: dimension)
  }

  /// Good as long as the block lives.
  func plane(rowCount: Int, greatestNorm: Float, codes: CodePlane?, mask: RowMask?) -> VectorPlane {
    VectorPlane(
      base: UnsafeRawPointer(vectors), rowCount: rowCount, dimension: dimension, elementType: .f32, ids: ids,
      inverseNorms: inverseNorms.map { UnsafePointer($0) }, greatestNorm: greatestNorm, codes: codes, mask: mask)
  }
}

/// The rows of one block at one moment.
struct DeltaPart: Sendable {
  let block: DeltaBlock
  var rowCount = 0
  /// Nil when all rows count.
  var live: LiveRows?
  /// Not below the norm of any row.
  var greatestNorm: Float = 0
  /// Byte codes, once the block is full.
  var codes: CodedRows?
  /// The attributes of its rows, once the block is full.
  var columns: AttributeColumns?

  var liveCount: Int { live?.count ?? rowCount }
  var isFull: Bool { rowCount == block.capacity }

  func isLive(_ row: Int) -> Bool { live?.contains(row) ?? true }

  /// The same without some rows that count.
  func without(_ rows: [Int]) -> DeltaPart {
    guard !rows.isEmpty else { return self }
    var part = self
    part.live = (live ?? LiveRows(rowCount: rowCount)).removing(rows)
    return part
  }

  var plane: VectorPlane {
    block.plane(rowCount: rowCount, greatestNorm: greatestNorm, codes: codes?.plane, mask: live?.mask)
  }
}
