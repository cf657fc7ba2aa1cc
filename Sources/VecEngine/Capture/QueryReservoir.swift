import Synchronization
import VecCore

/// Some of the real queries of a collection, rather recent ones: while there is room every one, then one of eight takes the
/// place of any. So the chance that a query is still there falls exponentially with those after it.
///
/// Source: Aggarwal, "On biased reservoir sampling in the presence of stream evolution", VLDB 2006. For any thread.
final class QueryReservoir: Sendable {
  private struct Entry {
    /// As the request stated it, else of the generation that answered.
    var model: String?
    /// Counts all that were ever taken.
    var number: UInt64
    var vector: [Float]
  }

  private struct State {
    var capacity = 0
    var entries: [Entry] = []
    var taken: UInt64 = 0
    var generator: SplitMix64
    /// Since they were last saved.
    var isChanged = false
  }

  private static let thinning: UInt64 = 8

  /// Whether anything is captured, for those who only look.
  private let isOn = Atomic<Bool>(false)
  private let state: Mutex<State>

  init(seed: UInt64) { state = Mutex(State(generator: SplitMix64(seed: seed))) }

  /// Takes some of the vectors of a request.
  func offer(_ vectors: [Float], dimension: Int, model: String?) {
    guard isOn.load(ordering: .relaxed) else { return }
    state.withLock { state in
      let capacity = state.capacity
      guard capacity > 0 else { return }
      for start in stride(from: 0, to: vectors.count, by: dimension) {
        let isFull = state.entries.count >= capacity
        if isFull, state.generator.next() % Self.thinning != 0 { continue }
        let entry = Entry(model: model, number: state.taken, vector: Array(vectors[start..<(start + dimension)]))
        state.taken += 1
        state.isChanged = true
        if isFull {
          state.entries[Int(state.generator.next() % UInt64(capacity))] = entry
        } else {
          state.entries.append(entry)
        }
      }
    }
  }

  /// What is more than that leaves, the oldest first.
  func setCapacity(_ wanted: Int, dimension: Int, _ memory: MemoryLedger) {
    state.withLock { state in
      memory.take(wanted * dimension * 4)
      memory.giveBack(state.capacity * dimension * 4)
      state.capacity = wanted
      isOn.store(wanted > 0, ordering: .relaxed)
      guard state.entries.count > wanted else { return }
      state.entries.sort { $0.number < $1.number }
      state.entries.removeFirst(state.entries.count - wanted)
      state.isChanged = true
    }
  }

  /// The queries of a model version, oldest first, the latest `most` of them.
  func queries(of model: String?, dimension: Int, most: Int = .max) -> QuerySample {
    let found = state.withLock { state in state.entries.filter { $0.model == model } }.sorted { $0.number < $1.number }
    return QuerySample(dimension: dimension, vectors: found.suffix(most).flatMap(\.vector))
  }

  /// All queries by their model version, if they changed since this was last asked.
  func takeChanges(dimension: Int) -> [String?: QuerySample]? {
    let entries = state.withLock { state -> [Entry]? in
      guard state.isChanged else { return nil }
      state.isChanged = false
      return state.entries
    }
    guard let entries else { return nil }
    return Dictionary(grouping: entries.sorted { $0.number < $1.number }, by: \.model).mapValues { group in
      QuerySample(dimension: dimension, vectors: group.flatMap(\.vector))
    }
  }

  /// They are not what is saved.
  func noteChange() { state.withLock { $0.isChanged = true } }

  /// Puts back what was saved.
  func restore(_ queries: QuerySample, of model: String?) {
    state.withLock { state in
      for start in stride(from: 0, to: queries.vectors.count, by: queries.dimension) {
        state.entries.append(
          Entry(
            model: model, number: state.taken, vector: Array(queries.vectors[start..<(start + queries.dimension)])))
        state.taken += 1
      }
      // They may have been saved before fewer were asked for.
      state.entries.removeFirst(max(0, state.entries.count - state.capacity))
    }
  }
}
