import VecCore
import VecKernels

/// A settled row: its canonical score (larger is better), the first interest that has it, and its id.
struct Settled: BitwiseCopyable, Sendable {
  var score: Float
  var interest: UInt8 = 0
  var id: UInt64

  func hit(_ metric: Metric) -> Hit { Hit(id: id, score: CanonicalScore.shown(score, metric), interest: interest) }

  /// The order of results: score, then ascending id. Total, as ids are unique.
  func isBefore(_ other: Settled) -> Bool { score != other.score ? score > other.score : id < other.id }

  /// Sorts best first.
  static func sort(_ list: inout [Settled]) {
    let spare = Scratch<Settled>(list.count)
    list.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      CellSort.sort(base, buffer.count, spare: spare.base, score: { $0.score }, isBefore: { $0.isBefore($1) })
    }
  }
}
