import VecCore
import VecKernels
import VecManifest
import VecStorage

/// Rows of a segment, evenly spread over it, that lie together in memory: what part of all rows scores above something is told
/// from them in microseconds, not by as many waits for memory as there are rows.
struct SampledRows: Sendable {
  static let countMax = 1_024

  /// Ascending.
  let rows: [UInt32]
  /// Elements as they are stored, row after row.
  private let elements: [UInt8]
  /// Of each row; empty unless the metric is cosine.
  private let inverseNorms: [Float]
  private let segment: (metric: Metric, type: ElementType, dimension: Int)

  var byteCount: Int { (rows.count + inverseNorms.count) * 4 + elements.count }

  init(_ segment: SegmentHandle) {
    let rowCount = Int(segment.row.rowCount)
    let step = max(1, (rowCount + Self.countMax - 1) / Self.countMax)
    rows = stride(from: step / 2, to: rowCount, by: step).map { UInt32(truncatingIfNeeded: $0) }
    let width = segment.file.header.dimension * segment.row.elementType.byteCount
    var elements: [UInt8] = []
    elements.reserveCapacity(rows.count * width)
    for row in rows {
      let from = Int(row) * width
      elements.append(contentsOf: segment.file.vectors[from..<(from + width)])
    }
    self.elements = elements
    var inverseNorms: [Float] = []
    if let norms = segment.file.inverseNorms { for row in rows { inverseNorms.append(norms[Int(row)]) } }
    self.inverseNorms = inverseNorms
    self.segment = (segment.file.header.metric, segment.row.elementType, segment.file.header.dimension)
  }

  /// The score of each row as `Kernels` computes it, up to a rounding that of `CanonicalScore`.
  func scores(_ query: UnsafePointer<Float>, _ kernels: Kernels) -> [Float] {
    var scores = [Float](unsafeUninitializedCapacity: rows.count) { out, count in
      count = rows.count
      elements.withUnsafeBytes { elements in
        guard let base = elements.baseAddress, let out = out.baseAddress else { return }
        kernels.score(
          segment.metric, query: query, rows: base, type: segment.type, count: rows.count, dimension: segment.dimension,
          out: out)
      }
    }
    guard segment.metric == .cosine else { return scores }
    let queryNorm = Float(CanonicalScore.norm(query, dimension: segment.dimension))
    for place in scores.indices where place < inverseNorms.count { scores[place] *= inverseNorms[place] / queryNorm }
    return scores
  }
}
