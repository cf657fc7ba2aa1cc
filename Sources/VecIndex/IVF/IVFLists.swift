package import VecCore
import VecKernels

/// The lists of one segment: each is a range of its rows, with their mean and how far they lie around it.
///
/// No list is empty. Under cosine, means are those of the rows divided by their norms (and not of length 1 themselves).
package final class IVFLists: Sendable {
  package let dimension: Int
  package let metric: Metric
  /// First row of each list, then the row count: ascending strictly, from 0.
  package let starts: [UInt32]
  /// List after list the mean of its rows, `dimension` values.
  package let centroids: [Float]
  /// Per list the root mean square distance of its rows from their mean.
  package let spreads: [Float]
  /// What ranking reads.
  let ranks: RankedCentroids

  package var count: Int { spreads.count }
  package var rowCount: Int { Int(starts.last ?? 0) }

  package func rows(_ list: Int) -> Range<Int> { Int(starts[list])..<Int(starts[list + 1]) }

  /// Vouched for by the caller: see the properties.
  init(dimension: Int, metric: Metric, starts: [UInt32], centroids: [Float], spreads: [Float]) {
    self.dimension = dimension
    self.metric = metric
    self.starts = starts
    self.centroids = centroids
    self.spreads = spreads
    ranks = RankedCentroids(starts: starts, centroids: centroids, spreads: spreads, dimension: dimension)
  }

  /// No rows and no lists.
  convenience init(empty dimension: Int, metric: Metric) {
    self.init(dimension: dimension, metric: metric, starts: [0], centroids: [], spreads: [])
  }

  /// The lists that have members, in the order of their numbers.
  convenience init(_ rows: ClusterRows, _ members: ListMembers, metric: Metric, team: WorkTeam) {
    let used = (0..<members.count).filter { !members[$0].isEmpty }
    let dimension = rows.dimension
    var centroids = [Float](repeating: 0, count: used.count * dimension)
    var spreads = [Float](repeating: 0, count: used.count)
    centroids.withUnsafeMutableBufferPointer { centroids in
      spreads.withUnsafeMutableBufferPointer { spreads in
        guard let centroids = centroids.baseAddress, let spreads = spreads.baseAddress else { return }
        // Workers write different lists.
        nonisolated(unsafe) let means = centroids
        nonisolated(unsafe) let distances = spreads
        team.forEach(used.count, step: 16) { _, range in
          let row = Scratch<Float>(dimension)
          let sum = Scratch<Double>(dimension)
          for list in range {
            let mean = means + list * dimension
            Self.mean(rows, members[used[list]], row.base, sum.base, into: mean)
            distances[list] = Self.spread(rows, members[used[list]], around: mean, row.base)
          }
        }
      }
    }
    let starts = used.map { UInt32(truncatingIfNeeded: members.starts[$0]) }
    self.init(
      dimension: dimension, metric: metric, starts: starts + [UInt32(truncatingIfNeeded: members.rows.count)],
      centroids: centroids, spreads: spreads)
  }

  private static func mean(
    _ rows: ClusterRows, _ members: ArraySlice<UInt32>, _ row: UnsafeMutablePointer<Float>,
    _ sum: UnsafeMutablePointer<Double>, into out: UnsafeMutablePointer<Float>
  ) {
    sum.initialize(repeating: 0, count: rows.dimension)
    for member in members {
      rows.loadPlain(Int(member), into: row)
      for at in 0..<rows.dimension { sum[at] += Double(row[at]) }
    }
    for at in 0..<rows.dimension { out[at] = Float(sum[at] / Double(members.count)) }
  }

  private static func spread(
    _ rows: ClusterRows, _ members: ArraySlice<UInt32>, around mean: UnsafePointer<Float>,
    _ row: UnsafeMutablePointer<Float>
  ) -> Float {
    var sum = 0.0
    for member in members {
      rows.loadPlain(Int(member), into: row)
      for at in 0..<rows.dimension {
        let difference = Double(row[at]) - Double(mean[at])
        sum += difference * difference
      }
    }
    return Float((sum / Double(members.count)).squareRoot())
  }
}
