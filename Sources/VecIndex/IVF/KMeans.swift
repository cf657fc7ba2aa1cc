import VecCore
import VecKernels

/// Lloyd's k-means in Euclidean geometry: the same centroids on every CPU and for any number of workers.
///
/// Assignments are exact (`NearestCentroid`), and sums go over the rows of a list in their order, in double; so nothing
/// depends on who computed what. Seeds are distinct random rows of the sample: k-means++ costs a pass per seed and its
/// gain is gone after a few rounds of this many lists.
struct KMeans {
  private static let rowsPerPiece = 4 * NearestCentroid.rowsPerPass
  private static let listsPerPiece = 16

  let rows: ClusterRows
  let team: WorkTeam
  let kernels: Kernels

  /// Centroids of `lists` lists, `rows.width` values each, from the rows with the given numbers, in random order.
  /// - Parameter step: called from the calling thread before each round; may throw.
  func train(
    _ sample: [UInt32], lists: Int, iterations: Int, step: (_ done: Int) throws(VecError) -> Void
  ) throws(VecError) -> [Float] {
    var centroids = [Float](repeating: 0, count: lists * rows.width)
    centroids.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      for list in 0..<lists { rows.load(Int(sample[list]), into: base + list * rows.width) }
    }
    for round in 0..<iterations {
      try step(round)
      let assigned = assign(centroids, sample)
      centroids = means(centroids, ListMembers(assigned, lists: lists), sample)
    }
    return centroids
  }

  /// The nearest centroid of each row given by number, or of all rows.
  func assign(_ centroids: [Float], _ numbers: [UInt32]?) -> AssignedLists {
    let nearest = NearestCentroid(centroids, dimension: rows.width, greatestNorm: rows.greatestNorm, kernels: kernels)
    let count = numbers?.count ?? rows.count
    let assigned = AssignedLists(count)
    team.forEach(count, step: Self.rowsPerPiece) { [rows] _, piece in
      for first in stride(from: piece.lowerBound, to: piece.upperBound, by: NearestCentroid.rowsPerPass) {
        nearest.assign(
          rows, first..<min(piece.upperBound, first + NearestCentroid.rowsPerPass), of: numbers, into: assigned)
      }
    }
    return assigned
  }

  private func means(_ old: [Float], _ members: ListMembers, _ sample: [UInt32]) -> [Float] {
    var centroids = old
    let width = rows.width
    centroids.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      // Workers write different lists.
      nonisolated(unsafe) let out = base
      team.forEach(members.count, step: Self.listsPerPiece) { [rows] _, lists in
        let row = Scratch<Float>(width)
        let sum = Scratch<Double>(width)
        for list in lists where !members[list].isEmpty {
          sum.base.initialize(repeating: 0, count: width)
          for member in members[list] {
            rows.load(Int(sample[Int(member)]), into: row.base)
            for at in 0..<width { sum.base[at] += Double(row.base[at]) }
          }
          let share = 1 / Double(members[list].count)
          for at in 0..<width { out[list * width + at] = Float(sum.base[at] * share) }
        }
      }
      fillEmpty(base, members, sample)
    }
    return centroids
  }

  /// An empty list starts again at a row of the list that is the longest then.
  private func fillEmpty(_ centroids: UnsafeMutablePointer<Float>, _ members: ListMembers, _ sample: [UInt32]) {
    let empty = (0..<members.count).filter { members[$0].isEmpty }
    guard !empty.isEmpty else { return }
    var lengths = (0..<members.count).map { members[$0].count }
    // Longest first; a list is halved with every row it gives, and gives at most half of its rows.
    var longest = lengths.indices.sorted { lengths[$0] != lengths[$1] ? lengths[$0] > lengths[$1] : $0 < $1 }[...]
    for list in empty {
      guard let donor = longest.popFirst(), lengths[donor] >= 2 else { return }
      let rows = members[donor]
      let place = rows.startIndex + rows.count - lengths[donor] + lengths[donor] / 2
      self.rows.load(Int(sample[Int(rows[place])]), into: centroids + list * self.rows.width)
      lengths[donor] /= 2
      let position = longest.firstIndex { lengths[$0] <= lengths[donor] } ?? longest.endIndex
      longest.insert(donor, at: position)
    }
  }
}

/// The rows of each list, ascending: a counting sort of assignments.
struct ListMembers: Sendable {
  let starts: [Int]
  let rows: [UInt32]

  init(_ assigned: AssignedLists, lists: Int) {
    var starts = [Int](repeating: 0, count: lists + 1)
    for row in 0..<assigned.count { starts[Int(assigned.lists[row]) + 1] += 1 }
    for list in 0..<lists { starts[list + 1] += starts[list] }
    var next = starts
    var rows = [UInt32](repeating: 0, count: assigned.count)
    for row in 0..<assigned.count {
      let list = Int(assigned.lists[row])
      rows[next[list]] = UInt32(truncatingIfNeeded: row)
      next[list] += 1
    }
    self.starts = starts
    self.rows = rows
  }

  var count: Int { starts.count - 1 }
  subscript(list: Int) -> ArraySlice<UInt32> { rows[starts[list]..<starts[list + 1]] }
}
