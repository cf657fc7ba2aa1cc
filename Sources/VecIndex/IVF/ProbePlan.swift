import VecCore
import VecKernels

/// Which lists the queries of a batch look at, and in which order.
///
/// A query's interests share the lists that any of them asks for: every row of these is scored against all interests.
/// Where the lists hold fewer than k rows that may be returned, more follow in the order of their rank until there are k.
final class ProbePlan {
  private let lists: IVFLists
  private let mask: RowMask?
  private let k: Int
  private let nprobe: Int
  private let interests: Int
  private let ranking: ListRanking
  /// Per interest the ranked lists, as many as are known so far.
  private let ranked: Scratch<UInt32>
  private let isTaken: Scratch<Bool>
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
    ranked = Scratch(lists.count * interests)
    isTaken = Scratch(lists.count)
    isTaken.base.initialize(repeating: false, count: lists.count)
  }

  /// The lists of one query, best first, in `taken`: those that its first interest ranks highest, then its second, and so
  /// on in turns.
  /// - Parameter score: has the ranking score all lists for an interest.
  func choose(_ score: (ListRanking, _ interest: Int) -> Void) {
    taken.removeAll(keepingCapacity: true)
    var depth = nprobe
    var rows = 0
    var done = 0
    while true {
      for interest in 0..<interests {
        score(ranking, interest)
        _ = ranking.best(depth, out: ranked.base + interest * lists.count)
      }
      while done < depth, done < nprobe || rows < k {
        for interest in 0..<interests { rows += take(ranked.base[interest * lists.count + done]) }
        done += 1
      }
      if rows >= k || depth == lists.count { break }
      depth = min(lists.count, 2 * depth + 64)
    }
    for list in taken { isTaken.base[Int(list)] = false }
  }

  /// Takes a list; returns how many rows that may be returned this adds.
  private func take(_ list: UInt32) -> Int {
    guard !isTaken.base[Int(list)] else { return 0 }
    isTaken.base[Int(list)] = true
    taken.append(list)
    let rows = lists.rows(Int(list))
    return mask.map { $0.count(rows) } ?? rows.count
  }
}
