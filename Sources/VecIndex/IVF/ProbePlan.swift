import VecCore
import VecKernels

/// Which lists the queries of a batch look at, and in which order.
///
/// A query of several interests looks at the lists that score best for any of them, and every row of these is scored against
/// all: what counts is a row's best score, so an interest whose best lists score low has a small share of the answer and
/// of the lists. Where the lists hold fewer than k rows that may be returned, more follow in the order of their rank until
/// there are k.
final class ProbePlan {
  private let lists: IVFLists
  private let mask: RowMask?
  private let k: Int
  private let nprobe: Int
  private let interests: Int
  private let ranking: ListRanking
  /// The ranked lists, as many as are known so far.
  private let ranked: Scratch<UInt32>
  private(set) var taken: [UInt32] = []

  init(
    lists: IVFLists, mask: RowMask?, k: Int, nprobe: Int, interests: Int, kernels: Kernels, codeKernels: CodeKernels
  ) {
    self.lists = lists
    self.mask = mask
    self.k = k
    self.nprobe = max(1, min(nprobe, lists.count))
    self.interests = interests
    ranking = ListRanking(lists: lists, kernels: kernels, codeKernels: codeKernels)
    ranked = Scratch(lists.count)
  }

  /// The lists of one query, best first, in `taken`.
  /// - Parameter score: has the ranking score all lists for an interest.
  func choose(_ score: (ListRanking, _ interest: Int) -> Void) {
    taken.removeAll(keepingCapacity: true)
    ranking.clear()
    for interest in 0..<interests { score(ranking, interest) }
    var depth = nprobe
    var rows = 0
    while true {
      let known = ranking.best(depth, out: ranked.base)
      while taken.count < known, taken.count < nprobe || rows < k {
        let list = ranked.base[taken.count]
        taken.append(list)
        let range = lists.rows(Int(list))
        rows += mask.map { $0.count(range) } ?? range.count
      }
      if rows >= k || depth == lists.count { return }
      depth = min(lists.count, 2 * depth + 64)
    }
  }
}
