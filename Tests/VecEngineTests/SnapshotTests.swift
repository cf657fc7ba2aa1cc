import Glibc
import Synchronization
import Testing
import VecCore
import VecEngine

/// Tells the searching task that the publishing one is done.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

@Suite struct SnapshotTests {
  @Test("searches during publish and rollback see one generation each, never a mixture")
  func oneGenerationPerReply() async throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 4, metric: .l2)
    // Generation x has even ids only, y odd ids only: a reply with both is a mixture.
    let rows = randomRows(2000, 4, seed: 11)
    try engine.release("c", "x", ids: (0..<2000).map { UInt64($0 * 2) }, vectors: rows)
    try engine.release("c", "y", ids: (0..<2000).map { UInt64($0 * 2 + 1) }, vectors: rows)
    let stop = StopFlag()
    let counts = try await withThrowingTaskGroup(of: [String: Int].self) { group in
      group.addTask {
        var seen: [String: Int] = [:]
        while !stop.isSet {
          let reply = try engine.find("c", rows.dropLast(7988).map { $0 }, k: 20, dimension: 4)
          let parity: UInt64 = reply.generation == "x" ? 0 : 1
          #expect(reply.ids.allSatisfy { $0 % 2 == parity })
          seen[reply.generation, default: 0] += 1
          await Task.yield()  // with one core the publisher needs this thread
        }
        return seen
      }
      group.addTask {
        var sequence: UInt64 = 0
        for step in 0..<200 {
          let receipt = try engine.publish("c", label: step % 2 == 0 ? "x" : "y", expected: .any)
          #expect(receipt.sequence > sequence)
          sequence = receipt.sequence
          await Task.yield()
        }
        stop.set()
        return [:]
      }
      return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }
    #expect(counts.keys.sorted() == ["x", "y"], "the searches saw only \(counts)")
  }

  @Test("a search past its deadline says so")
  func deadline() throws {
    let fixture = try EngineFixture()
    let engine = try fixture.open()
    defer { engine.close() }
    try engine.create("c", dimension: 4, metric: .ip)
    try engine.release("c", "g", ids: (0..<5000).map { UInt64($0) }, vectors: randomRows(5000, 4, seed: 12))
    let request = SearchRequest(collection: "c", k: 5, dimension: 4, vectors: [1, 2, 3, 4])
    expectError(.deadlineExceeded) { _ = try engine.search(request) { true } }
  }
}
