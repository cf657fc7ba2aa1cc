import VecCore
import VecKernels

/// The lists of one query, best first. Working memory of one search.
final class ListRanking {
  private struct RankedList: BitwiseCopyable {
    var score: Float
    var list: UInt32
  }

  private static let sampleStep = 8

  private let lists: IVFLists
  private let kernels: Kernels
  private let codeKernels: CodeKernels
  private let dots: Scratch<Int32>
  /// Per list the best score of the vectors of a query so far.
  private let scores: Scratch<Float>
  private let fresh: Scratch<Float>
  private var isEmpty = true
  /// The greatest norm of these vectors.
  private(set) var norm: Float = 0
  private let positions: Scratch<UInt32>
  private let sample: Scratch<Float>
  private let ranked: Scratch<RankedList>
  private let spare: Scratch<RankedList>

  init(lists: IVFLists, kernels: Kernels, codeKernels: CodeKernels) {
    self.lists = lists
    self.kernels = kernels
    self.codeKernels = codeKernels
    dots = Scratch(lists.count)
    scores = Scratch(lists.count)
    fresh = Scratch(lists.count)
    positions = Scratch(lists.count)
    sample = Scratch(lists.count / Self.sampleStep + 1)
    ranked = Scratch(lists.count)
    spare = Scratch(lists.count)
  }

  /// Begins with another query.
  func clear() { isEmpty = true }

  /// Scores all lists for a vector of the query; `best` then ranks them by the best of these scores.
  func score(_ query: UnsafePointer<Float>, metric: Metric, norm: Double, code: QueryCode) {
    let ranks = lists.ranks
    let asked = ranks.asked(query, metric: metric, norm: norm, code: code)
    codeKernels.dots(
      asked.code.codes, bias: asked.code.bias, codes: ranks.codes, count: ranks.count, stride: ranks.stride,
      out: dots.base)
    let out = isEmpty ? scores.base : fresh.base
    ranks.score(dots.base, asked, isL2: metric == .l2, out: out)
    self.norm = isEmpty ? asked.norm : max(self.norm, asked.norm)
    if !isEmpty {
      for list in 0..<lists.count { scores.base[list] = max(scores.base[list], fresh.base[list]) }
    }
    isEmpty = false
  }

  /// The `wanted` best of the scored lists, best first, equal ones by number: `out[min(wanted, lists.count)]`, whose
  /// length is returned.
  func best(_ wanted: Int, out: UnsafeMutablePointer<UInt32>) -> Int {
    let count = min(wanted, lists.count)
    order(select(count))
    for index in 0..<count { out[index] = ranked.base[index].list }
    return count
  }

  /// All lists that score no less, in the same order.
  func reaching(_ threshold: Float, out: UnsafeMutablePointer<UInt32>) -> Int {
    let count = kernels.select(scores.base, count: lists.count, threshold: threshold, out: positions.base)
    order(count)
    for index in 0..<count { out[index] = ranked.base[index].list }
    return count
  }

  /// The first of `positions` as ranked lists, in order.
  private func order(_ count: Int) {
    for index in 0..<count {
      let list = positions.base[index]
      ranked.base[index] = RankedList(score: scores.base[Int(list)], list: list)
    }
    CellSort.sort(
      ranked.base, count, spare: spare.base, score: { $0.score },
      isBefore: { $0.score != $1.score ? $0.score > $1.score : $0.list < $1.list })
  }

  /// The score of every list.
  var allScores: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: UnsafePointer(scores.base), count: lists.count) }

  /// At least `count` lists, the best and not many more, by number in `positions`: those that reach the least score of so
  /// many. Of few that is guessed from every eighth one, and lowered if too high.
  private func select(_ count: Int) -> Int {
    let sampled = lists.count / Self.sampleStep
    if sampled >= 32, count <= lists.count / 4 {
      for index in 0..<sampled { sample.base[index] = scores.base[index * Self.sampleStep] }
      let expected = Double(count) / Double(Self.sampleStep)
      var rank = Int(expected + 1.5 * expected.squareRoot() + 2)
      while rank <= sampled {
        let guess = Rank.largest(rank, of: UnsafeBufferPointer(start: sample.base, count: sampled))
        let found = kernels.select(scores.base, count: lists.count, threshold: guess, out: positions.base)
        if found >= count { return found }
        rank *= 2
      }
    }
    let least = count < lists.count ? Rank.largest(max(1, count), of: allScores) : -.infinity
    return kernels.select(scores.base, count: lists.count, threshold: least, out: positions.base)
  }
}
