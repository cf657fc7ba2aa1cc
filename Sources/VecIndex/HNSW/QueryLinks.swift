/// Links between rows that answer the same queries.
///
/// Users' vectors lie outside the cloud of the items, so the rows that answer one query are often far from each other,
/// and a walk that follows neighbours only finds some of them. Rows that stand close together in an answer are linked:
/// the weight of a pair is the sum over the queries of 1 / (difference of their ranks), and each row keeps the heaviest.
///
/// The idea: Chen et al., "RoarGraph", and Jaiswal et al., "OOD-DiskANN".
struct QueryLinks {
  /// Rows of each answer that are looked at.
  static let answerLength = 100
  /// Ranks apart at most.
  private static let reach = 12

  let queryCount: Int
  private var byRow: [UInt32: [UInt32]] = [:]

  var rowCount: Int { byRow.count }

  /// - Parameters:
  ///   - answers: per query the rows of its answer, best first.
  ///   - slots: links per row at most.
  init(_ answers: [[UInt32]], twins: TwinRows, slots: Int) {
    queryCount = answers.count
    guard slots > 0 else { return }
    let stands = twins.standIns()
    var pairs: [(row: UInt32, other: UInt32, weight: Float)] = []
    for answer in answers {
      let rows = Self.distinct(answer.map { stands[$0] ?? $0 })
      for (rank, row) in rows.enumerated() {
        for next in (rank + 1)..<max(rank + 1, min(rows.count, rank + 1 + Self.reach)) {
          let weight = 1 / Float(next - rank)
          pairs.append((row, rows[next], weight))
          pairs.append((rows[next], row, weight))
        }
      }
    }
    pairs.sort { ($0.row, $0.other) < ($1.row, $1.other) }
    keepHeaviest(pairs, slots: slots)
  }

  func links(of row: UInt32) -> [UInt32] { byRow[row] ?? [] }

  private mutating func keepHeaviest(_ pairs: [(row: UInt32, other: UInt32, weight: Float)], slots: Int) {
    var start = 0
    while start < pairs.count {
      let row = pairs[start].row
      var sums: [(other: UInt32, weight: Float)] = []
      while start < pairs.count, pairs[start].row == row {
        if let last = sums.last, last.other == pairs[start].other {
          sums[sums.count - 1].weight = last.weight + pairs[start].weight
        } else {
          sums.append((pairs[start].other, pairs[start].weight))
        }
        start += 1
      }
      sums.sort { $0.weight != $1.weight ? $0.weight > $1.weight : $0.other < $1.other }
      byRow[row] = sums.prefix(slots).map(\.other)
    }
  }

  private static func distinct(_ rows: [UInt32]) -> [UInt32] {
    var seen: Set<UInt32> = []
    return rows.filter { seen.insert($0).inserted }
  }
}
