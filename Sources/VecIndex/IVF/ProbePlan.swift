import VecCore
import VecKernels

/// Which lists the queries of a batch look at, and in which order: always some of the best by rank. Where these hold fewer
/// than k rows that may be returned, more follow in the order of their rank until there are k.
///
/// **By a margin**: all lists that score no further below a floor than the margin says (`ListMargin`), so that a query looks
/// at as many as it needs. The floor is guessed from rows of the very best lists.
///
/// **By a count**: `nprobe` lists. A query of several interests looks at the lists that score best for any of them, and every
/// row of these is scored against all: what counts is a row's best score, so an interest whose best lists score low has a
/// small share of the answer and of the lists.
///
/// A filter may go along with the vectors, so that the lists that rank best hold hardly anything that passes. By a margin
/// such a query has a low floor and looks at more. By a count a list counts by the share of its rows that may be returned,
/// compared with that of all rows, and one at most. A filter that has nothing to do with the vectors leaves about `nprobe`
/// lists, one that has leaves more; and where most of the best lists count little, the query lies outside of what passes,
/// and half as much again is looked at. A list that holds nothing is not looked at at all.
final class ProbePlan {
  /// Rows in the lists that a floor is guessed from: per k, and at least, where all rows may be returned.
  private static let guessedFrom = (perK: 10, least: 512)
  /// The least k that margins are measured for: fewer results are looked for as far below the floor of so many.
  private static let floorKMin = 10

  private let lists: IVFLists
  private let mask: RowMask?
  private let metric: Metric
  private let k: Int
  private let nprobe: Int
  private let margin: Float?
  private let interests: Int
  private let ranking: ListRanking
  /// The ranked lists, as many as are known so far.
  private let ranked: Scratch<UInt32>
  /// Of all rows, those that may be returned.
  private let allowedShare: Double
  /// What the lists that are looked at must count together.
  private let wanted: Double

  // Nothing changes these while a method reads them: checks at run time would be a few percent of a small search.
  @exclusivity(unchecked) private(set) var taken: [UInt32] = []
  /// Rows of these that may be returned.
  @exclusivity(unchecked) private(set) var rows = 0
  /// The floor that they were chosen by; nil where they were counted.
  private(set) var floor: Float?
  /// Ranked lists that were considered, and what those taken count.
  @exclusivity(unchecked) private var next = 0
  @exclusivity(unchecked) private var counted = 0.0

  /// The k whose floor is guessed.
  var floorK: Int { max(k, min(Self.floorKMin, lists.rowCount)) }

  init(
    lists: IVFLists, mask: RowMask?, metric: Metric, k: Int, nprobe: Int, margin: Float?, interests: Int, kernels: Kernels,
    codeKernels: CodeKernels
  ) {
    self.lists = lists
    self.mask = mask
    self.metric = metric
    self.k = k
    self.nprobe = max(1, min(nprobe, lists.count))
    self.margin = margin
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
  /// - Parameters:
  ///   - score: has the ranking score all lists for an interest.
  ///   - guess: the floor of the query by what is in the lists taken so far; nil where that is too little.
  func choose(
    _ score: (ListRanking, _ interest: Int) -> Void, guess: () throws(VecError) -> Float?
  ) throws(VecError) {
    guard let margin else { return count(score) }
    begin(score)
    let least = min(firstRows, lists.rowCount)
    take(least * lists.count / max(1, lists.rowCount) + 2) { rows >= least }
    floor = try guess()
    guard let floor else { return take(lists.count) { false } }
    let threshold = ListMargin.threshold(floor: floor, margin: margin, norm: ranking.norm, metric: metric)
    clear()
    let known = ranking.reaching(threshold, out: ranked.base)
    for place in 0..<known { take(ranked.base[place]) }
    next = known
    take(known + 1) { rows >= k }
  }

  /// The lists of one query by their count.
  func count(_ score: (ListRanking, _ interest: Int) -> Void) {
    begin(score)
    take(nprobe) { rows >= k && counted >= (Double(next) > 2 * counted + 2 ? 1.5 * wanted : wanted) }
  }

  private func clear() {
    taken.removeAll(keepingCapacity: true)
    (rows, next, counted) = (0, 0, 0)
  }

  private func begin(_ score: (ListRanking, _ interest: Int) -> Void) {
    clear()
    floor = nil
    ranking.clear()
    for interest in 0..<interests { score(ranking, interest) }
  }

  /// The margin of every list for a query of one vector, in no order; none where there is no floor.
  func margins(
    _ score: (ListRanking) -> Void, guess: () throws(VecError) -> Float?
  ) throws(VecError) -> [Float] {
    try choose({ ranking, _ in score(ranking) }, guess: guess)
    guard let floor else { return [] }
    return ranking.allScores.map { ListMargin.margin(of: $0, floor: floor, norm: ranking.norm, metric: metric) }
  }

  /// Rows that may be returned in the lists that the floor is guessed from: about those of as many lists as without a mask,
  /// and more than k.
  private var firstRows: Int {
    let unmasked = max(Self.guessedFrom.perK * floorK, Self.guessedFrom.least)
    return max(2 * floorK, Int((Double(unmasked) * allowedShare).rounded(.up)))
  }

  /// Takes lists in the order of their rank until there are enough.
  /// - Parameter first: how many are expected to be.
  private func take(_ first: Int, until isEnough: () -> Bool) {
    var depth = max(1, min(first, lists.count))
    while !isEnough() {
      let known = ranking.best(depth, out: ranked.base)
      while next < known, !isEnough() {
        take(ranked.base[next])
        next += 1
      }
      if depth == lists.count { return }
      depth = min(lists.count, 2 * depth + 64)
    }
  }

  private func take(_ list: UInt32) {
    let range = lists.rows(Int(list))
    let allowed = mask?.count(range) ?? range.count
    guard allowed > 0 else { return }
    rows += allowed
    counted += mask == nil ? 1 : min(1, Double(allowed) / Double(range.count) / allowedShare)
    taken.append(list)
  }
}
