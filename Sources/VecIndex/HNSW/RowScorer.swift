/// What a graph needs to know about vectors. Two measures, because edges and answers differ:
///
/// - **score** (search): a query vector against rows, larger is better, approximately in the order of the canonical score;
/// - **distance** (build): a row against rows, squared and never negative, in the rows' own space, for cosine that of the
///   rows divided by their norms.
/// - **handicap** (build): what is added to the distance of a row that is to be somebody's neighbour. For the inner product
///   it is -w |x|^2, 0 otherwise: |x - y|^2 - w |y|^2 orders rows y as 2 x.y - (1 - w) |y|^2 does, so w = 0 is the geometry
///   of l2, where the long rows that answer most queries are nobody's neighbours, and w = 1 that of the inner product,
///   where they are everybody's, and the others unreachable.
///
/// Implementations are used as generic arguments inside this module only, so a call costs no dynamic dispatch.
protocol RowScorer: Sendable {
  var rowCount: Int { get }
  /// Bytes of a prepared query, a multiple of 64. Its memory is 64-byte aligned and the caller's.
  var queryByteCount: Int { get }

  /// Prepares a query vector for `score`.
  func prepare(_ vector: UnsafePointer<Float>, into query: UnsafeMutableRawPointer)
  /// Prepares a row for `distance`.
  func prepare(row: UInt32, into query: UnsafeMutableRawPointer)
  /// `out[count]`, finite.
  func score(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>)
  /// `out[count]`, finite.
  func distance(
    _ query: UnsafeRawPointer, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>)
  func handicap(_ row: UInt32) -> Float
  /// Brings the row into the cache.
  func prefetch(_ row: UInt32)
  /// A number that is equal for rows that `isSame` holds for.
  func hash(_ row: UInt32) -> UInt64
  /// Whether no score and no distance can tell the rows apart.
  func isSame(_ a: UInt32, _ b: UInt32) -> Bool
}

/// One side of a comparison, ready to be held against rows; larger is better.
protocol Probe {
  func score(_ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>)
  func prefetch(_ row: UInt32)
}

/// A query vector: scores of the search.
struct QueryProbe<Scorer: RowScorer>: Probe {
  let scorer: Scorer
  let query: UnsafeRawPointer

  @inline(__always)
  func score(_ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>) {
    scorer.score(query, rows, count, out)
  }

  @inline(__always)
  func prefetch(_ row: UInt32) { scorer.prefetch(row) }
}

/// All query vectors of one user: a row's score is its best over them, because that is what orders the answer. A row that is
/// in the cache for the first of them costs little more for the others.
struct InterestProbe<Scorer: RowScorer>: Probe {
  let scorer: Scorer
  /// Prepared queries, `queryByteCount` apart.
  let queries: UnsafeRawPointer
  let count: Int
  /// Room for `TraversalScratch.gatherMax` scores.
  let spare: UnsafeMutablePointer<Float>

  @inline(__always)
  func score(_ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>) {
    scorer.score(queries, rows, count, out)
    for interest in 1..<self.count {
      scorer.score(queries + interest * scorer.queryByteCount, rows, count, spare)
      for index in 0..<count { out[index] = max(out[index], spare[index]) }
    }
  }

  @inline(__always)
  func prefetch(_ row: UInt32) { scorer.prefetch(row) }
}

/// A row in search of its neighbours: negative distances with handicaps.
struct RowProbe<Scorer: RowScorer>: Probe {
  let scorer: Scorer
  let query: UnsafeRawPointer

  @inline(__always)
  func score(_ rows: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<Float>) {
    scorer.distance(query, rows, count, out)
    for index in 0..<count { out[index] = -out[index] - scorer.handicap(rows[index]) }
  }

  @inline(__always)
  func prefetch(_ row: UInt32) { scorer.prefetch(row) }
}
