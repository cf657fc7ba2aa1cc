import VecCore
import VecIndex
import VecKernels
import VecManifest
import VecStorage

/// How many of the ids that a query excludes are near it.
///
/// All of them may be, but then a user who has seen thousands of items, of which few are near this query, would cost a scan. So
/// the sampled rows of the generation are scored, each of which stands for as many as lie between two of them, and some of the
/// excluded ones. T is the score of the j-th best of the sample, and the rows that the first j stand for are its rank.
struct ExclusionDepth {
  /// Of the excluded ids: to guess, more where searches are longer, and to bound.
  private static let guessedIDs = 64
  private static let boundedIDs = 512
  /// The j that are tried: the first is the nearest to the top.
  private static let ranks = [8, 16, 32, 64]
  private static let guessedRank = 4

  private let generation: Generation
  private let metric: Metric
  private let dimension: Int
  private let query: ArraySlice<Float>
  private let kernels: Kernels
  /// Of the rows of the sample that count, with the rows that each stands for.
  private var sampled: [(score: Float, weight: Double)] = []

  /// - Parameter query: vectors of one query, one after the other; a row's score is its best.
  init(
    _ query: ArraySlice<Float>, _ generation: Generation, _ metric: Metric, dimension: Int, kernels: Kernels
  ) {
    self.generation = generation
    self.metric = metric
    self.dimension = dimension
    self.query = query
    self.kernels = kernels
    for segment in generation.segments { sample(segment) }
  }

  /// Whether an estimate can save anything: few excluded ids are looked past at once.
  static func pays(excluded: Int, k: Int) -> Bool { excluded >= boundedIDs && excluded > 2 * k }

  /// Whether there are hardly more than `slack` of them among the best `depth` rows: a guess.
  ///
  /// It takes them for evenly spread among all rows above T, and as they are denser nearer to the query, for twice as many.
  func areFew(_ excluded: IDSet, slack: Int, in depth: Int) -> Bool {
    let weight = sampled.first?.weight ?? 1
    let best = best(max(Self.guessedRank, Int((Double(depth) / weight).rounded(.up))))
    guard best.count >= Self.guessedRank, let top = best.last, top.rank >= Double(depth) else { return true }
    let wanted = min(max(Self.guessedIDs, depth / 2), Self.boundedIDs)
    let share = share(of: excluded, sampling: wanted) { Double($0.count { $0 >= top.score }) }
    return 2 * share * Double(excluded.count) * Double(depth) / top.rank <= Double(slack)
  }

  /// How many of them may stand before the k-th result that is none of them.
  ///
  /// At least a = rank (1 - 2 / sqrt j) rows score above T, all but surely: how many of a sample lie above a rank is Poisson's,
  /// and these are two deviations. Of the excluded ones at most the share (c + 3 sqrt c + 3) / S does, where c of S do; e are
  /// these. If a >= k + e, then k rows that are not excluded score above T, so none of the excluded ones below T stands before
  /// the k-th result, and e bounds those that do.
  ///
  /// - Returns: at most `excluded.count`, which is returned where the samples do not tell.
  func bound(_ excluded: IDSet, k: Int) -> Int {
    let best = best(Self.ranks.last ?? 0)
    // Where nearly all are that near, a better look cannot help.
    guard let last = best.last,
      share(of: excluded, sampling: Self.guessedIDs, { Double($0.count { $0 >= last.score }) }) < 0.9
    else { return excluded.count }
    for rank in Self.ranks where rank <= best.count {
      let top = best[rank - 1]
      let share = share(of: excluded, sampling: Self.boundedIDs) { scores in
        let count = Double(scores.count { $0 >= top.score })
        return count + 3 * count.squareRoot() + 3
      }
      let bound = (share * Double(excluded.count)).rounded(.up)
      let above = top.rank * (1 - 2 / Double(rank).squareRoot())
      if bound < Double(excluded.count), Double(k) + bound <= above { return Int(bound) }
    }
    return excluded.count
  }

  /// - Parameter count: what to take of the scores of so many of the ids.
  private func share(of excluded: IDSet, sampling wanted: Int, _ count: ([Float]) -> Double) -> Double {
    let step = max(1, excluded.count / wanted)
    let ids = stride(from: 0, to: excluded.count, by: step).map { excluded.ids[$0] }
    var scores: [Float] = []
    for segment in generation.segments {
      let live = generation.live[segment.row.uuid]
      let rows = segment.rows(of: ids).filter { $0 >= 0 && live?.contains($0) ?? true }
      scores += self.scores(rows.map { UInt32(truncatingIfNeeded: $0) }, of: segment)
    }
    return count(scores) / Double(ids.count)
  }

  private mutating func sample(_ segment: SegmentHandle) {
    let sample = segment.sample
    let live = generation.live[segment.row.uuid]
    let weight = Double(segment.row.rowCount) / Double(max(1, sample.rows.count))
    let scores = bestOfAll { sample.scores($0, kernels) }
    sampled.reserveCapacity(sampled.count + scores.count)
    for (row, score) in zip(sample.rows, scores) where live?.contains(Int(row)) ?? true { sampled.append((score, weight)) }
  }

  /// The best `count` scores of the sample, descending, and the rank of each.
  private func best(_ count: Int) -> [(score: Float, rank: Double)] {
    var best: [(score: Float, rank: Double)] = []
    best.reserveCapacity(count + 1)
    for one in sampled where best.count < count || one.score > best.last?.score ?? one.score {
      if best.count == count { best.removeLast() }
      var place = best.count
      while place > 0, best[place - 1].score < one.score { place -= 1 }
      best.insert((one.score, one.weight), at: place)
    }
    var rank = 0.0
    for place in best.indices {
      rank += best[place].rank
      best[place].rank = rank
    }
    return best
  }

  /// The best score of each row over the vectors of the query.
  private func bestOfAll(_ scores: (UnsafePointer<Float>) -> [Float]) -> [Float] {
    query.withUnsafeBufferPointer { query in
      var best: [Float] = []
      for first in stride(from: 0, to: query.count, by: dimension) {
        guard let vector = query.baseAddress.map({ $0 + first }) else { break }
        let found = scores(vector)
        best = best.isEmpty ? found : zip(best, found).map { max($0, $1) }
      }
      return best
    }
  }

  private func scores(_ rows: [UInt32], of segment: SegmentHandle) -> [Float] {
    guard let base = segment.file.vectors.baseAddress, !rows.isEmpty else { return [] }
    return bestOfAll { vector in
      [Float](unsafeUninitializedCapacity: rows.count) { out, count in
        count = rows.count
        guard let out = out.baseAddress else { return }
        rows.withUnsafeBufferPointer { rows in
          CanonicalScore.settle(
            metric, query: vector, queryNorm: CanonicalScore.norm(vector, dimension: dimension), base: base,
            type: segment.row.elementType, dimension: dimension, rows: rows, out: out)
        }
      }
    }
  }
}

extension Engine {
  /// How many excluded ids an index must look past to find the k best of any query. Of filtered rows too little is known to
  /// estimate it.
  func excludedBefore(
    _ k: Int, of request: SearchRequest, _ exclusions: QueryExclusions, in generation: Generation, _ metric: Metric
  ) -> Int {
    let most = exclusions.greatestCount
    guard ExclusionDepth.pays(excluded: most, k: k), !generation.isFiltered, request.effort.isRecall, request.index != .flat,
      generation.segments.contains(where: { !$0.indexes.available.isEmpty })
    else { return most }
    return (0..<request.queryCount).map { query in
      guard let ids = exclusions.ids(exclusions.count > 1 ? query : 0) else { return 0 }
      return ExclusionDepth(request.vectors(of: query), generation, metric, dimension: request.dimension, kernels: kernels)
        .bound(ids, k: k)
    }.max() ?? most
  }
}

extension SearchRequest {
  /// The vectors of one query, one after the other.
  func vectors(of query: Int) -> ArraySlice<Float> {
    let width = interests * dimension
    return vectors[(query * width)..<((query + 1) * width)]
  }
}
