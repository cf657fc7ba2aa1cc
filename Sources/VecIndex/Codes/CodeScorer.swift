import VecCore
package import VecKernels

/// Scores of rows given by number, from their bytes alone: what a graph search asks for. Larger is better; how far a
/// score can lie from the canonical one is in `CodeBound`, and about half a percent of |q| |x| is usual.
///
/// A prepared query is memory of the caller: a header of 64 bytes, then the codes. Any number of threads may share it.
// Sendable: the memory is never written.
package struct CodeScorer: @unchecked Sendable {
  private struct Header {
    var scale: Float
    /// Added to a score (l2: minus the square of the query's length) or to a distance (the square of the row's).
    var constant: Float
    /// Of a row under ip: its component in the added dimension.
    var added: Float
    var bias: Int32
  }

  private static let headerBytes = 64
  private static let piece = 64

  private let plane: CodePlane
  private let kernels: CodeKernels
  private let metric: Metric
  private let stride: Int
  /// The square of the greatest length of a coded row.
  private let greatestSquare: Float

  /// - Parameter plane: outlives the scorer.
  package init(_ plane: CodePlane, kernels: CodeKernels) {
    self.plane = plane
    self.kernels = kernels
    metric = plane.layout.metric
    stride = plane.layout.stride
    let greatest = (0..<plane.rowCount).reduce(Float(0)) { max($0, plane.factors[$1].length) }
    greatestSquare = greatest * greatest
  }

  package var rowCount: Int { plane.rowCount }
  /// Bytes of a prepared query, a multiple of 64.
  package var queryByteCount: Int { Self.headerBytes + (stride + 63) / 64 * 64 }

  /// Prepares a query vector of the plane's dimension, that passed `QueryCheck`, for `score`.
  package func prepare(_ vector: UnsafePointer<Float>, into query: UnsafeMutableRawPointer) {
    let dimension = plane.layout.dimension
    let code = QueryCode(vector, dimension: dimension, metric: metric)
    let norm = metric == .l2 ? Float(CanonicalScore.norm(vector, dimension: dimension)) : 0
    let header = Header(scale: code.scale, constant: -norm * norm, added: 0, bias: code.bias)
    query.storeBytes(of: header, as: Header.self)
    UnsafeMutableRawBufferPointer(start: query + Self.headerBytes, count: stride).copyBytes(
      from: code.codes.lazy.map { UInt8(bitPattern: $0) })
  }

  /// Prepares a row for `distance`.
  package func prepare(row: UInt32, into query: UnsafeMutableRawPointer) {
    let factors = plane.factors[Int(row)]
    let codes = plane.codes + Int(row) * stride
    var sum: Int32 = 0
    for at in 0..<stride {
      let code = Int8(truncatingIfNeeded: Int(codes[at]) - 128)
      (query + Self.headerBytes).storeBytes(of: code, toByteOffset: at, as: Int8.self)
      sum &+= Int32(code)
    }
    let square = factors.length * factors.length
    query.storeBytes(
      of: Header(scale: factors.scale, constant: square, added: added(square), bias: -128 &* sum), as: Header.self)
  }

  /// Approximate scores (l2: negative squared distances) of a prepared vector: `out[count]`, finite.
  @inline(__always)
  package func score(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let header = query.load(as: Header.self)
    let isL2 = metric == .l2
    forEachProduct(query, header, rows, count) { index, product, factors in
      out[index] = isL2 ? 2 * (product + factors.offset) + header.constant : product
    }
  }

  /// Squared distances of a prepared row in the space where edges are chosen: the rows' own for l2 and cosine; for ip
  /// the rows with one more component sqrt(G^2 - |x|^2), G the greatest length, so that all are equally long.
  /// `out[count]`, finite, not negative.
  package func distance(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let header = query.load(as: Header.self)
    let isIP = metric == .ip
    forEachProduct(query, header, rows, count) { index, product, factors in
      let square = factors.length * factors.length
      let more = isIP ? header.added - added(square) : 0
      out[index] = max(0, header.constant + square - 2 * product + more * more)
    }
  }

  /// Brings a row into the cache.
  @inline(__always)
  package func prefetch(_ row: UInt32) { kernels.prefetch(plane.codes, plane.factors, row: Int(row), stride: stride) }

  /// Equal for rows that `isSame` holds for.
  package func hash(_ row: UInt32) -> UInt64 {
    var hash = UInt64(plane.factors[Int(row)].scale.bitPattern)
    let words = UnsafeRawPointer(plane.codes + Int(row) * stride)
    for at in Swift.stride(from: 0, to: stride, by: 8) {
      hash = (hash ^ words.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash
  }

  /// Whether no score and no distance can tell the rows apart.
  package func isSame(_ a: UInt32, _ b: UInt32) -> Bool {
    let left = plane.codes + Int(a) * stride
    let right = plane.codes + Int(b) * stride
    return plane.factors[Int(a)] == plane.factors[Int(b)] && (0..<stride).allSatisfy { left[$0] == right[$0] }
  }

  private func added(_ square: Float) -> Float { metric == .ip ? max(0, greatestSquare - square).squareRoot() : 0 }

  @inline(__always)
  private func forEachProduct(
    _ query: UnsafeRawPointer, _ header: Header, _ rows: UnsafePointer<UInt32>, _ count: Int,
    _ body: (Int, Float, CodeFactors) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.piece) { dots in
      guard let products = dots.baseAddress else { return }
      for first in Swift.stride(from: 0, to: count, by: Self.piece) {
        let some = UnsafeBufferPointer(start: rows + first, count: min(Self.piece, count - first))
        for row in some { kernels.prefetch(plane.factors + Int(row)) }
        kernels.dots(
          (query + Self.headerBytes).assumingMemoryBound(to: Int8.self), bias: header.bias, codes: plane.codes,
          stride: stride, rows: some, out: products)
        for (index, row) in some.enumerated() {
          let factors = plane.factors[Int(row)]
          body(first + index, Float(products[index]) * header.scale * factors.scale, factors)
        }
      }
    }
  }
}
