package import VecCore
package import VecKernels

/// A segment as a search by lists sees it.
package struct IVFPart {
  package let lists: IVFLists
  /// The rows in the order of the lists, with codes.
  package let plane: VectorPlane
  /// Lists that a query looks at, at least 1; more than there are means all. Of several interests those count that are
  /// best for any of them. More are looked at where these hold fewer than k rows; with a mask lists count by what of them may be
  /// returned (`ProbePlan`).
  package let nprobe: Int
  /// In the place of `nprobe`, if there is one: all lists that score so close to the floor (`ListMargin`). Finite, 0 or less.
  package let margin: Float?

  package init(lists: IVFLists, plane: VectorPlane, nprobe: Int, margin: Float? = nil) {
    self.lists = lists
    self.plane = plane
    self.nprobe = nprobe
    self.margin = margin
  }

  /// Rows that may be returned; nil for all.
  var mask: RowMask? { plane.mask }

  var allowedCount: Int { plane.allowedCount }
}

/// The inverted-file index: looks at the lists that a query's best rows are likely to lie in.
///
/// The answer is exactly the top k of the rows in the lists that were looked at: bounds from byte codes drop rows, the
/// canonical score decides (docs/decisions/0005-ivf.md). It is the same on every CPU and in every batch. Looking at
/// all lists gives the flat index's answer. With likely bounds all that is so but for about a row in a hundred answers.
/// A value; any number of threads may search at once.
///
/// Sivic, Zisserman, "Video Google", ICCV 2003; Jegou, Douze, Schmid, "Product quantization for nearest neighbor search",
/// TPAMI 2011.
package struct IVFIndex: Sendable {
  private static let vectorsPerBatch = 256
  private static let poolBytesMax = 16 << 20

  private let kernels: Kernels
  private let codeKernels: CodeKernels
  private let metric: Metric

  package init(kernels: Kernels, metric: Metric) {
    self.kernels = kernels
    codeKernels = CodeKernels(within: kernels.tier)
    self.metric = metric
  }

  /// The best `k` rows of the lists that are looked at, of all segments, for each query, best first; `min(k, allowed
  /// rows)` at least.
  /// Equal scores are in the order of ascending ids. An id's score is its best over the interests.
  ///
  /// - Parameters:
  ///   - parts: one or more; no id twice among them.
  ///   - queries: `queryCount * interests` vectors, query after query, that passed `QueryCheck`.
  ///   - dimension: of queries and rows.
  ///   - k: at least 1.
  ///   - certainty: with which a row of the lists is kept that belongs to the best.
  ///   - shouldStop: asked at the start and about every 50 to 500 microseconds of work.
  /// - Throws: `deadline-exceeded` when `shouldStop` said so, `internal-defect` for arguments that do not fit together.
  package func search(
    _ parts: [IVFPart], queries: UnsafeBufferPointer<Float>, dimension: Int, interests: Int, k: Int,
    certainty: Certainty = .proven, shouldStop: () -> Bool
  ) throws(VecError) -> (hits: [[Hit]], work: IVFWork) {
    try Pacer.ask(shouldStop)
    guard dimension >= 1, interests >= 1, interests <= Limits.interestsMax, k >= 1,
      queries.count % (interests * dimension) == 0
    else {
      throw VecError(
        .internalDefect, "ivf search: \(queries.count) values of dimension \(dimension), interests \(interests), k \(k)")
    }
    var coded: [(part: IVFPart, coded: CodePlane)] = []
    for part in parts {
      guard let codes = try check(part, dimension) else { continue }
      coded.append((part, codes))
    }
    let queryCount = queries.count / (interests * dimension)
    let reachable = min(k, parts.reduce(0) { $0 + $1.allowedCount })
    guard let base = queries.baseAddress, !coded.isEmpty, reachable > 0 else {
      return (Array(repeating: [], count: queryCount), IVFWork())
    }
    return try search(coded, base, queryCount, dimension, interests, reachable, certainty, shouldStop)
  }

  private func search(
    _ parts: [(part: IVFPart, coded: CodePlane)], _ base: UnsafePointer<Float>, _ queryCount: Int, _ dimension: Int,
    _ interests: Int, _ k: Int, _ certainty: Certainty, _ shouldStop: () -> Bool
  ) throws(VecError) -> (hits: [[Hit]], work: IVFWork) {
    let lanes = InterestLanes(base, count: queryCount, interests: interests, dimension: dimension)
    let queriesMax = max(1, min(Self.vectorsPerBatch / lanes.interests, Self.poolBytesMax / CandidatePool.bytes(k: k)))
    let plans = parts.map { plan($0.part, k: k, interests: interests) }
    var results: [[Hit]] = []
    results.reserveCapacity(queryCount)
    var work = IVFWork()
    let width = lanes.interests * dimension
    func scan(
      _ base: UnsafePointer<Float>, _ count: Int, guessing: Bool
    ) throws(VecError) -> (hits: [[Hit]], unproven: [Int]) {
      let scan = ListScan(
        kernels: codeKernels, metric: metric, queries: base, count: count * lanes.interests, interests: lanes.interests,
        k: k, first: parts[0], guessing: guessing, certainty: certainty)
      for (entry, plan) in zip(parts, plans) { try scan.scan(entry.part, entry.coded, plan, shouldStop) }
      let unproven = scan.unproven
      work = work + scan.work
      return (scan.takeResults(), unproven)
    }
    for first in stride(from: 0, to: queryCount, by: queriesMax) {
      let queries = lanes.base + first * width
      var (hits, unproven) = try scan(queries, min(queriesMax, queryCount - first), guessing: true)
      work.repeated += unproven.count
      if !unproven.isEmpty {
        let again = Scratch<Float>(unproven.count * width)
        for (place, query) in unproven.enumerated() {
          (again.base + place * width).update(from: queries + query * width, count: width)
        }
        let (proven, _) = try scan(again.base, unproven.count, guessing: false)
        for (place, query) in unproven.enumerated() { hits[query] = proven[place] }
      }
      results += hits
    }
    return (results, work)
  }

  private func plan(_ part: IVFPart, k: Int, interests: Int) -> ProbePlan {
    ProbePlan(
      lists: part.lists, mask: part.mask, metric: metric, k: min(k, part.allowedCount), nprobe: part.nprobe,
      margin: part.margin, interests: interests, kernels: kernels, codeKernels: codeKernels)
  }

  /// The margins within which every list is for every query, in no order: what share of lists a margin leaves. Empty where
  /// there are too few rows to guess a floor from.
  /// - Parameter queries: of one vector each, which passed `QueryCheck`.
  func margins(
    _ part: IVFPart, queries: UnsafeBufferPointer<Float>, k: Int, shouldStop: () -> Bool
  ) throws(VecError) -> [Float] {
    guard let base = queries.baseAddress, let coded = try check(part, part.lists.dimension) else { return [] }
    let k = min(k, part.allowedCount)
    let scan = ListScan(
      kernels: codeKernels, metric: metric, queries: base, count: queries.count / part.lists.dimension, interests: 1, k: k,
      first: (part, coded), guessing: true, certainty: .proven)
    return try scan.margins(part, coded, plan(part, k: k, interests: 1), shouldStop)
  }

  /// The lists that `search` would look at for one query by their count, best first. The place of a true answer's list
  /// in the order of all lists is the `nprobe` that finds it: a whole curve of recall in one pass.
  /// - Parameter query: `interests` vectors that passed `QueryCheck`.
  package func probes(
    _ lists: IVFLists, query: UnsafeBufferPointer<Float>, interests: Int, k: Int, nprobe: Int, mask: RowMask? = nil
  ) -> [UInt32] {
    guard let base = query.baseAddress, lists.count > 0, query.count == interests * lists.dimension else { return [] }
    let plan = ProbePlan(
      lists: lists, mask: mask, metric: metric, k: min(k, lists.rowCount), nprobe: nprobe, margin: nil,
      interests: interests, kernels: kernels, codeKernels: codeKernels)
    plan.count { ranking, interest in
      let vector = base + interest * lists.dimension
      let norm = CanonicalScore.norm(vector, dimension: lists.dimension)
      let code = QueryCode(vector, dimension: lists.dimension, metric: metric)
      ranking.score(vector, metric: metric, norm: norm, code: code)
    }
    return plan.taken
  }

  /// The codes of a part; nil when it has no rows.
  private func check(_ part: IVFPart, _ dimension: Int) throws(VecError) -> CodePlane? {
    let (plane, lists) = (part.plane, part.lists)
    let layout = CodeLayout(rowCount: plane.rowCount, dimension: dimension, metric: metric)
    guard part.nprobe >= 1, part.margin.map({ $0.isFinite && $0 <= 0 }) ?? true,
      plane.dimension == dimension, lists.rowCount == plane.rowCount,
      lists.dimension == dimension, lists.metric == metric, metric != .cosine || plane.inverseNorms != nil,
      plane.rowCount == 0 || plane.codes?.layout == layout
    else {
      throw VecError(
        .internalDefect,
        "ivf search: dimension \(dimension), nprobe \(part.nprobe), a plane of dimension \(plane.dimension) with "
          + "\(plane.rowCount) rows" + (plane.codes == nil ? " and no codes" : "") + " for lists of dimension "
          + "\(lists.dimension) over \(lists.rowCount) rows")
    }
    return plane.rowCount > 0 ? plane.codes : nil
  }
}
