import VecCore
import VecKernels

/// Centroids as byte codes, made when lists are opened: which lists a query looks at first.
///
/// A list is worth more the nearer its centroid is, and the further its rows lie around it: what counts is its best
/// rows, not the mean one. With q the query, c a centroid, r the list's spread and b = `reach`, lists are ranked by
///
/// - **ip, cosine**: q.c + b |q| r: a row c + e has q.c + q.e, and of many rows the best q.e is about b |q| r,
/// - **l2**: -(D - 2 b sqrt(D) r + r^2), D = |q - c|^2, by the same argument for -|q - c - e|^2.
///
/// Codes are those of c - m, with m the mean of all rows: codes are finer for what is shorter, distances are kept under l2,
/// and q.m is added under ip, so that the score is that of rows. Products are exact integers, and what follows is float32
/// arithmetic in a fixed order, so the ranking is the same on every CPU and does not depend on a query's batch.
final class RankedCentroids: Sendable {
  /// Measured on three sets of two-tower vectors: 0.2 to 0.4 give the same recall within a few percent of the rows
  /// scanned, and up to a third fewer rows than 0 (docs/decisions/0005-ivf.md).
  static let reach: Float = 0.3

  let count: Int
  let stride: Int
  private let dimension: Int
  private let centre: [Float]
  // Written by init only.
  nonisolated(unsafe) private let memory: UnsafeMutableRawPointer
  /// Per list `stride` code bytes, on cache lines.
  var codes: UnsafePointer<UInt8> { UnsafePointer(memory.assumingMemoryBound(to: UInt8.self)) }
  private let scales: [Float]
  private let spreads: [Float]
  private let squares: [Float]

  init(starts: [UInt32], centroids: [Float], spreads: [Float], dimension: Int) {
    count = spreads.count
    self.spreads = spreads
    self.dimension = dimension
    stride = RowCode.stride(dimension: dimension)
    memory = .allocate(byteCount: max(1, count) * stride, alignment: 64)
    let centre = Self.mean(starts, centroids, dimension)
    var scales: [Float] = []
    var squares: [Float] = []
    for list in 0..<spreads.count {
      let centred = (0..<dimension).map { centroids[list * dimension + $0] - centre[$0] }
      let factors = RowCode.encode(
        centred, dimension: dimension, metric: .ip,
        codes: (memory + list * stride).assumingMemoryBound(to: UInt8.self))
      let norm = CanonicalScore.norm(centred, dimension: dimension)
      scales.append(factors.scale)
      squares.append(Float(norm * norm))
    }
    self.centre = centre
    self.scales = scales
    self.squares = squares
  }

  deinit { memory.deallocate() }

  /// The mean of all rows.
  private static func mean(_ starts: [UInt32], _ centroids: [Float], _ dimension: Int) -> [Float] {
    var sum = [Double](repeating: 0, count: dimension)
    for list in 0..<(starts.count - 1) {
      let rows = Double(starts[list + 1] - starts[list])
      for at in 0..<dimension { sum[at] += rows * Double(centroids[list * dimension + at]) }
    }
    let rowCount = Double(max(1, starts[starts.count - 1]))
    return sum.map { Float($0 / rowCount) }
  }

  /// A query as it is compared with the centroids.
  struct Asked {
    let code: QueryCode
    let norm: Float
    /// q.m under ip and cosine.
    let offset: Float
  }

  func asked(_ query: UnsafePointer<Float>, metric: Metric, norm: Double, code: QueryCode) -> Asked {
    guard metric == .l2 else {
      var sum = 0.0
      for at in 0..<dimension { sum += Double(query[at]) * Double(centre[at]) }
      guard metric == .cosine else { return Asked(code: code, norm: Float(norm), offset: Float(sum)) }
      return Asked(code: code, norm: 1, offset: Float(sum / max(norm, .leastNonzeroMagnitude)))
    }
    let centred = (0..<dimension).map { query[$0] - centre[$0] }
    return Asked(
      code: QueryCode(centred, dimension: dimension, metric: .ip),
      norm: Float(CanonicalScore.norm(centred, dimension: dimension)), offset: 0)
  }

  /// What lists are ranked by, from the products of their codes with the query's.
  func score(_ dots: UnsafePointer<Int32>, _ asked: Asked, isL2: Bool, out: UnsafeMutablePointer<Float>) {
    let (scale, norm, offset) = (asked.code.scale, asked.norm, asked.offset)
    let reach = Self.reach * norm
    scales.withUnsafeBufferPointer { scales in
      spreads.withUnsafeBufferPointer { spreads in
        guard let scales = scales.baseAddress, let spreads = spreads.baseAddress else { return }
        guard isL2 else {
          for list in 0..<count {
            out[list] = Float(dots[list]) * scale * scales[list] + reach * spreads[list] + offset
          }
          return
        }
        for list in 0..<count {
          let product = Float(dots[list]) * scale * scales[list]
          let distance = max(0, norm * norm - 2 * product + squares[list])
          let spread = spreads[list]
          out[list] = 2 * Self.reach * distance.squareRoot() * spread - distance - spread * spread
        }
      }
    }
  }
}
