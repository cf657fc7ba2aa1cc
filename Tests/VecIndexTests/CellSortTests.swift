import Foundation
import Testing
import VecCore
import VecIndex
import VecTestSupport

@Suite("Sorting by cells")
struct CellSortTests {
  private struct Entry: BitwiseCopyable, Equatable {
    var key: UInt32
    var id: UInt32

    func isBefore(_ other: Entry) -> Bool { key != other.key ? key < other.key : id < other.id }
  }

  @Test("the order is the standard library's, however keys are spread")
  func order() {
    var generator = Seed(381).generator
    let spreads: [(String, (Int) -> UInt32)] = [
      ("evenly", { _ in UInt32(truncatingIfNeeded: generator.next()) }),
      ("as the best scores are", { _ in Float(-log2(generator.uniform() + 1e-9)).bitPattern }),
      ("two far apart", { $0 % 2 == 0 ? 7 : .max - 7 }),
      ("all the same", { _ in 9 }),
      ("one far away", { $0 == 3 ? .max : UInt32($0 % 5) }),
      ("in order", { UInt32($0) }),
      ("the other way round", { UInt32(1 << 20 - $0) }),
      ("both ends", { $0 % 3 == 0 ? 0 : .max }),
    ]
    for (name, spread) in spreads {
      for count in [0, 1, 2, 3, 31, 32, 33, 64, 100, 777, 5_000] {
        let given = (0..<count).map { Entry(key: spread($0), id: UInt32(truncatingIfNeeded: generator.next())) }
        var sorted = given
        var spare = given
        sorted.withUnsafeMutableBufferPointer { sorted in
          spare.withUnsafeMutableBufferPointer { spare in
            guard let base = sorted.baseAddress, let room = spare.baseAddress else { return }
            CellSort.sort(base, count, spare: room, key: { $0.key }, isBefore: { $0.isBefore($1) })
          }
        }
        #expect(sorted == given.sorted { $0.isBefore($1) }, "\(count), \(name)")
      }
    }
  }
}
