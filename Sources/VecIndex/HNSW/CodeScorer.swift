import VecCore
import VecKernels

/// Scores from the byte codes of a segment: a quarter of the memory traffic of float32 rows, and integer arithmetic that
/// is the same on every CPU, so graphs built from codes have the same bytes everywhere.
///
/// With x^ = scale * codes a row as coded, the score is the product with the query as coded, under l2 less half of
/// |x|^2 + |q|^2. Distances between rows are those of their codes.
struct CodeScorer: RowScorer, @unchecked Sendable {
  /// A prepared query: this, and from byte 64 on its codes.
  private struct Header {
    var scale: Float
    var bias: Int32
    /// |x^|^2 of a row; of a query under l2 what makes scores comparable between queries, -|q|^2 / 2.
    var square: Float
  }

  /// What a distance needs of a row beside its codes, in one place: one cache miss instead of three.
  private struct Side {
    var scale: Float
    var square: Float
    var handicap: Float
    var bias: Int32
  }

  private static var headerBytes: Int { 64 }

  private let kernels: CodeKernels
  private let metric: Metric
  private let vectors: VectorPlane
  private let codes: UnsafePointer<UInt8>
  private let heads: UnsafePointer<Float>
  /// Floats per row in `heads`.
  private let headCount: Int
  private let stride: Int
  private let sides: HotArray<Side>
  let rowCount: Int
  let queryByteCount: Int

  /// - Parameters:
  ///   - vectors: the rows, which tell twins apart; with `plane`, it outlives the scorer.
  ///   - normWeight: how much edges prefer long rows, 0 to 1. See `RowScorer`.
  ///   - forEdges: whether `distance` will be asked for.
  init(
    kernels: CodeKernels, metric: Metric, vectors: VectorPlane, plane: CodePlane, normWeight: Float,
    forEdges: Bool
  ) {
    self.kernels = kernels
    self.metric = metric
    self.vectors = vectors
    codes = plane.codes
    heads = plane.heads
    headCount = plane.layout.headCount
    stride = RowCode.stride(dimension: vectors.dimension)
    rowCount = vectors.rowCount
    queryByteCount = Self.headerBytes + (stride + 63) / 64 * 64
    sides = HotArray(forEdges ? rowCount : 0, repeating: Side(scale: 0, square: 0, handicap: 0, bias: 0))
    for row in 0..<sides.count { sides.base[row] = side(row, normWeight) }
  }

  private func side(_ row: Int, _ normWeight: Float) -> Side {
    var sum = 0
    var square = 0
    for byte in UnsafeBufferPointer(start: codes + row * stride, count: stride) {
      let code = Int(byte) - 128
      sum += code
      square += code * code
    }
    let scale = Double(heads[row * headCount])
    let length = scale * scale * Double(square)
    return Side(
      scale: Float(scale), square: Float(length), handicap: -normWeight * Float(length), bias: Int32(-128 * sum))
  }

  func prepare(_ vector: UnsafePointer<Float>, into query: UnsafeMutableRawPointer) {
    let coded = QueryCode(vector, dimension: vectors.dimension, metric: metric)
    let norm = metric == .l2 ? CanonicalScore.norm(vector, dimension: vectors.dimension) : 0
    query.storeBytes(
      of: Header(scale: coded.scale, bias: coded.bias, square: Float(-norm * norm / 2)), as: Header.self)
    coded.codes.withUnsafeBytes { codes in
      guard let from = codes.baseAddress else { return }
      (query + Self.headerBytes).copyMemory(from: from, byteCount: codes.count)
    }
  }

  func prepare(row: UInt32, into query: UnsafeMutableRawPointer) {
    let side = sides.base[Int(row)]
    query.storeBytes(
      of: Header(scale: side.scale, bias: side.bias, square: side.square), as: Header.self)
    let from = codes + Int(row) * stride
    let to = (query + Self.headerBytes).assumingMemoryBound(to: UInt8.self)
    for at in 0..<stride { to[at] = from[at] ^ 0x80 }
  }

  @inline(__always)
  func score(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let header = query.load(as: Header.self)
    let dots = dots(query, header.bias, rows, count, out)
    if headCount == 2 {
      for index in 0..<count {
        let head = heads + 2 * Int(rows[index])
        out[index] = Float(dots[index]) * (header.scale * head[0]) + (head[1] + header.square)
      }
    } else {
      for index in 0..<count { out[index] = Float(dots[index]) * (header.scale * heads[Int(rows[index])]) }
    }
  }

  @inline(__always)
  func distance(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let header = query.load(as: Header.self)
    let dots = dots(query, header.bias, rows, count, out)
    for index in 0..<count {
      let side = sides.base[Int(rows[index])]
      let product = Float(dots[index]) * (header.scale * side.scale)
      out[index] = max(0, header.square + side.square - 2 * product)
    }
  }

  @inline(__always)
  func handicap(_ row: UInt32) -> Float { sides.base[Int(row)].handicap }

  /// Integer products, written into the memory of the floats they will become.
  @inline(__always)
  private func dots(
    _ query: UnsafeRawPointer, _ bias: Int32, _ rows: UnsafePointer<UInt32>, _ count: Int,
    _ out: UnsafeMutablePointer<Float>
  ) -> UnsafeMutablePointer<Int32> {
    let dots = UnsafeMutableRawPointer(out).assumingMemoryBound(to: Int32.self)
    kernels.dots(
      (query + Self.headerBytes).assumingMemoryBound(to: Int8.self), bias: bias, codes: codes, stride: stride,
      rows: UnsafeBufferPointer(start: rows, count: count), out: dots)
    return dots
  }

  @inline(__always)
  func prefetch(_ row: UInt32) {
    let start = codes + Int(row) * stride
    VecKernels.prefetch(start)
    if stride > 64 { VecKernels.prefetch(start + 64) }
    if sides.count > 0 {
      VecKernels.prefetch(sides.base + Int(row))
    } else {
      VecKernels.prefetch(heads + headCount * Int(row))
    }
  }

  func hash(_ row: UInt32) -> UInt64 { vectors.hash(row) }
  func isSame(_ a: UInt32, _ b: UInt32) -> Bool { vectors.isSame(a, b) }
}
