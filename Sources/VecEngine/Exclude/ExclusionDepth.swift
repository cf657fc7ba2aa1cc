import VecCore
import VecKernels
import VecManifest
import VecStorage

/// How many of the ids that a query excludes may stand before its k-th result.
///
/// An index must look as deep as k and these. All of them may be, but then a user who has seen thousands of items, of which few
/// are near this query, would cost a scan. So R of the n rows are scored, evenly spread over the generation, and S of the
/// excluded ones.
///
/// T is the j-th best score of the R. At least a = n / R (j - 2 sqrt j) rows score above T, all but surely: how many of a sample
/// lie above a rank is Poisson's, and these are two deviations. Of the excluded ones at most the share (c + 3 sqrt c + 3) / S
/// does, where c of the S do; e are these. If a >= k + e, then k rows that are not excluded score above T, so none of the
/// excluded ones below T stands before the k-th result, and e bounds those that do.
struct ExclusionDepth {
  private static let sampledRows = 1_024
  private static let sampledIDs = 512
  /// The j that are tried: the first is the nearest to the top.
  private static let ranks = [8, 16, 32, 64]

  let generation: Generation
  let metric: Metric
  let dimension: Int
  let interests: Int

  /// Whether an estimate can save anything: few excluded ids are looked past at once.
  static func pays(excluded: Int, k: Int) -> Bool { excluded >= sampledIDs && excluded > 2 * k }

  /// - Parameter query: `interests * dimension` values.
  /// - Returns: at most `excluded.count`, which is returned where the samples do not tell.
  func estimate(_ query: ArraySlice<Float>, k: Int, excluded: IDSet) -> Int {
    let rowCount = generation.segments.reduce(0) { $0 + generation.liveCount($1) }
    var scores = scores(query) { segment in strided(segment, of: rowCount) }
    guard scores.count > 2 * Self.ranks.count else { return excluded.count }
    scores.sort(by: >)
    let step = max(1, excluded.count / Self.sampledIDs)
    let sample = stride(from: 0, to: excluded.count, by: step).map { excluded.ids[$0] }
    let asked = Exclusion(IDSet(sample))
    let seen = self.scores(query) { segment in asked.rows(of: segment, live: generation.live[segment.row.uuid]) }
    for rank in Self.ranks where rank <= scores.count {
      let above = Double(rowCount) / Double(scores.count) * (Double(rank) - 2 * Double(rank).squareRoot())
      let count = Double(seen.count { $0 >= scores[rank - 1] })
      let share = (count + 3 * count.squareRoot() + 3) / Double(sample.count)
      let bound = (share * Double(excluded.count)).rounded(.up)
      if bound < Double(excluded.count), Double(k) + bound <= above { return Int(bound) }
    }
    return excluded.count
  }

  /// Rows of a segment that count, as many as its part in the sample of all.
  private func strided(_ segment: SegmentHandle, of rowCount: Int) -> [Int] {
    let live = generation.live[segment.row.uuid]
    let step = max(1, rowCount / Self.sampledRows)
    return stride(from: step / 2, to: Int(segment.row.rowCount), by: step).filter { live?.contains($0) ?? true }
  }

  /// The best score over the interests of the rows that are chosen of each segment.
  private func scores(_ query: ArraySlice<Float>, _ choose: (SegmentHandle) -> [Int]) -> [Float] {
    var all: [Float] = []
    for segment in generation.segments {
      let rows = choose(segment).map { UInt32(truncatingIfNeeded: $0) }
      guard let base = segment.file.vectors.baseAddress, !rows.isEmpty else { continue }
      var best = [Float](repeating: -.infinity, count: rows.count)
      var found = best
      query.withUnsafeBufferPointer { query in
        guard let first = query.baseAddress else { return }
        for interest in 0..<interests {
          let vector = first + interest * dimension
          rows.withUnsafeBufferPointer { rows in
            found.withUnsafeMutableBufferPointer { found in
              guard let out = found.baseAddress else { return }
              CanonicalScore.settle(
                metric, query: vector, queryNorm: CanonicalScore.norm(vector, dimension: dimension), base: base,
                type: segment.row.elementType, dimension: dimension, rows: rows, out: out)
            }
          }
          for place in best.indices { best[place] = max(best[place], found[place]) }
        }
      }
      all += best
    }
    return all
  }
}
