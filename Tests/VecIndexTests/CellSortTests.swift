import Glibc
import Testing
import VecCore
import VecIndex
import VecTestSupport

@Suite("Sorting by cells")
struct CellSortTests {
  private struct Entry: BitwiseCopyable, Equatable {
    var score: Float
    var id: UInt32

    func isBefore(_ other: Entry) -> Bool { score != other.score ? score > other.score : id < other.id }
  }

  @Test("the order is the standard library's, however scores are spread")
  func order() {
    var generator = Seed(381).generator
    let spreads: [(String, (Int) -> Float)] = [
      ("evenly", { _ in Float(generator.uniform()) - 0.5 }),
      ("as the best scores are", { _ in Float(-log2(generator.uniform() + 1e-9)) }),
      ("over all magnitudes", { _ in Float(exp2(200 * generator.uniform() - 100)) }),
      ("two far apart", { $0 % 2 == 0 ? -3e38 : 3e38 }),
      ("all the same", { _ in 9 }),
      ("both zeros", { $0 % 2 == 0 ? 0 : -0.0 }),
      ("one far away", { $0 == 3 ? 1e30 : Float($0 % 5) }),
      ("one infinite", { $0 == 1 ? -.infinity : Float($0) }),
      ("as close as they can be", { 1 + Float($0 % 3) * .ulpOfOne }),
      ("the smallest ones", { Float($0) * .leastNonzeroMagnitude }),
      ("in order", { -Float($0) }),
      ("the other way round", { Float($0) }),
    ]
    for (name, spread) in spreads {
      for count in [0, 1, 2, 3, 31, 32, 33, 64, 100, 777, 5_000] {
        let given = (0..<count).map { Entry(score: spread($0), id: UInt32(truncatingIfNeeded: generator.next())) }
        var sorted = given
        var spare = given
        sorted.withUnsafeMutableBufferPointer { sorted in
          spare.withUnsafeMutableBufferPointer { spare in
            guard let base = sorted.baseAddress, let room = spare.baseAddress else { return }
            CellSort.sort(base, count, spare: room, score: { $0.score }, isBefore: { $0.isBefore($1) })
          }
        }
        #expect(sorted == given.sorted { $0.isBefore($1) }, "\(count), \(name)")
      }
    }
  }
}
