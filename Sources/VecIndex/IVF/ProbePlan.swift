import VecCore
import VecKernels

/// Which lists the queries of a batch look at, and in which order.
///
/// A query of several interests looks at the lists that score best for any of them, and every row of these is scored against
/// all: what counts is a row's best score, so an interest whose best lists score low has a small share of the answer and
/// of the lists. Where the lists hold fewer than k rows that may be returned, more follow in the order of their rank until
/// there are k.
///
/// A filter may go along with the vectors, so that the lists that rank best hold hardly anything that passes. Then a list
/// counts by the share of its rows that may be returned, compared with that of all rows, and one at most. A filter that has
/// nothing to do with the vectors leaves about `nprobe` lists, one that has leaves more; a list that holds nothing is not
/// looked at at all. And where most of the best lists count little, the query lies outside of what passes, and half as much
/// again is looked at.
final class ProbePlan {
  private let lists: IVFLists
  private let mask: RowMask?
  private let k: Int
  private let nprobe: Int
  private let interests: Int
  private let ranking: ListRanking
  /// The ranked lists, as many as are known so far.
  private let ranked: Scratch<UInt32>
  /// Of all rows, those that may be returned.
  private let allowedShare: Double
  /// What the lists that are looked at must count together.
  private let wanted: Double
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
    allowedShare = mask.map { Double($0.allowedCount(of: lists.rowCount)) / Double(max(1, lists.rowCount)) } ?? 1
    // Rounding of sums of shares must not ask for a list more than there is reason to.
    let rows = Double(lists.rowCount) / Double(max(1, lists.count))
    wanted = Double(self.nprobe) * Self.usualCount(allowedShare, rows: rows) - 1e-6
  }

  /// What a list counts on average where the rows that may be returned have nothing to do with the vectors: E min(1, X / m),
  /// with X binomial of mean m, by a normal distribution; no less than a half, where few rows are left and that says little.
  private static func usualCount(_ share: Double, rows: Double) -> Double {
    guard share > 0, share < 1 else { return 1 }
    return max(0.5, 1 - 0.4 * ((1 - share) / (share * max(1, rows))).squareRoot())
  }

  /// The lists of one query, best first, in `taken`.
  /// - Parameter score: has the ranking score all lists for an interest.
  func choose(_ score: (ListRanking, _ interest: Int) -> Void) {
    taken.removeAll(keepingCapacity: true)
    ranking.clear()
    for interest in 0..<interests { score(ranking, interest) }
    var depth = nprobe
    var (next, rows) = (0, 0)
    var counted = 0.0
    var isEnough: Bool { rows >= k && counted >= (Double(next) > 2 * counted + 2 ? 1.5 * wanted : wanted) }
    while true {
      let known = ranking.best(depth, out: ranked.base)
      while next < known, !isEnough {
        let list = ranked.base[next]
        next += 1
        let range = lists.rows(Int(list))
        guard let mask else {
          (rows, counted) = (rows + range.count, counted + 1)
          taken.append(list)
          continue
        }
        let allowed = mask.count(range)
        guard allowed > 0 else { continue }
        rows += allowed
        counted += min(1, Double(allowed) / Double(range.count) / allowedShare)
        taken.append(list)
      }
      if isEnough || depth == lists.count { return }
      depth = min(lists.count, 2 * depth + 64)
    }
  }
}
