import Synchronization
package import VecCore
import VecIndex
import VecKernels
import VecManifest
import VecStorage

/// A store: its collections, and everything that may be asked of them. Synchronous and safe to call from any thread.
///
/// Two locks, always taken in this order. `writer` holds the manifest and is kept through a transaction's fsync, so
/// changes happen one at a time. `state` holds what is in memory and is kept for the length of a lookup or a swap, so a
/// search never waits for a disk. A change is first durable in the manifest, then visible in `state`.
package final class Engine: Sendable {
  /// What the writer lock guards.
  struct Writer {
    var manifest: Manifest
    var nextNumber: UInt64
    /// By number of the generation, as far as they take single writes.
    var states: [UInt64: WriteState]

    /// A number no collection or generation had before.
    mutating func takeNumber() -> UInt64 {
      defer { nextNumber += 1 }
      return nextNumber
    }
  }

  /// What the state lock guards.
  struct State: Sendable {
    var collections: [String: Collection]
    var isClosed = false
  }

  package let recovery: RecoveryReport
  let options: EngineOptions
  let directory: StoreDirectory
  let kernels: Kernels
  let costs: CostModel
  let memory: MemoryLedger
  let team: WorkTeam
  let indexSearch: IndexSearch
  let masks = MaskPool()
  let filters: FilterCache
  let exclusions: NamedSets<ExclusionSet>
  let biases: NamedSets<BiasSet>
  let writer: Mutex<Writer?>
  /// Held through seals, merges and rebuilds, which are done one after the other.
  let upkeep = Mutex<Void>(())
  /// A delta waits to be sealed.
  let isSealDue = Atomic<Bool>(false)
  /// Some collection has a recall gauge.
  let isGaugeOn = Atomic<Bool>(false)
  /// Of the manifest, for those who must not wait for the writer.
  let ballastByteCount = Atomic<Int>(0)
  let state: Mutex<State>

  /// Opens the store, or creates it; recovers from whatever state it was left in.
  package init(_ options: EngineOptions) throws(VecError) {
    self.options = options
    try MappedSegment.guardMappings()
    kernels = try Self.chooseKernels(options.kernelTier)
    memory = MemoryLedger(budget: options.memoryBudget)
    costs = CostModel(within: kernels.tier)
    indexSearch = IndexSearch(kernels: kernels)
    filters = FilterCache(kernels: kernels)
    team = WorkTeam(width: options.workers, run: options.runWorkers)
    directory = try StoreDirectory(path: options.storePath, create: true)
    let recovered: Recovery
    do {
      recovered = try Recovery(
        directory, newStoreUUID: options.makeUUID(), keepsLeftovers: options.keepsLeftovers,
        ballastByteCount: options.ballastByteCount, memory: memory)
    } catch {
      directory.close()
      throw error
    }
    recovery = recovered.report
    ballastByteCount.store(recovered.manifest.ballastByteCount, ordering: .relaxed)
    writer = Mutex(
      Writer(
        manifest: recovered.manifest, nextNumber: recovered.nextNumber, states: recovered.states))
    exclusions = recovered.exclusions
    biases = recovered.biases
    state = Mutex(State(collections: recovered.collections))
    if !options.keepsLeftovers { SnapshotWriter.removeLeftovers(in: directory) }
    for collection in recovered.collections.values { prepare(collection.live) }
    noteGauges()
  }

  /// Makes what searches of a generation scan, so that the first one does not wait for it.
  func prepare(_ generation: Generation?) {
    for segment in generation?.segments ?? [] { segment.prepare(team) }
  }

  private static func chooseKernels(_ name: String?) throws(VecError) -> Kernels {
    let known = KernelTier.available.map(\.name).joined(separator: ", ")
    guard let name else { return Kernels() }
    guard let tier = KernelTier(name: name), let kernels = Kernels(tier: tier) else {
      throw VecError(.invalidArgument, "kernel tier \(Names.quoted(name)) is not to be had: this CPU has \(known)")
    }
    return kernels
  }

  /// Closes the manifest and frees the store for another process. Searches under way end on what they hold.
  package func close() {
    writer.withLock { writer in
      writer?.manifest.close()
      writer = nil
    }
    state.withLock { state in
      state.isClosed = true
      state.collections = [:]
    }
    directory.close()
  }

  package var statistics: EngineStatistics {
    let segments = state.withLock { $0.collections.values.flatMap { $0.generations.flatMap(\.segments) } }
    return EngineStatistics(
      kernelTier: kernels.tier.name, mappedBytes: segments.reduce(0) { $0 + $1.row.byteCount },
      codeBytes: segments.reduce(0) { $0 + UInt64($1.codeByteCount) },
      heldBytes: memory.heldByteCount, budgetBytes: memory.budget, segmentCount: segments.count,
      ballastByteCount: ballastByteCount.load(ordering: .relaxed), exclusionSets: exclusions.counts,
      biasSets: biases.counts)
  }
}

// Access to what the locks guard.
extension Engine {
  /// The collection as it is now; refuses a fenced one.
  func collection(_ name: String) throws(VecError) -> Collection {
    let found = try anyCollection(name)
    if let fence = found.fence {
      throw VecError(.collectionFenced, "collection \(name) is fenced: \(fence); restore the store, or drop it")
    }
    return found
  }

  /// The collection as it is now, fenced or not.
  func anyCollection(_ name: String) throws(VecError) -> Collection {
    let (found, isClosed) = state.withLock { ($0.collections[name], $0.isClosed) }
    if isClosed { throw VecError(.shuttingDown, "the store is closed") }
    if let found { return found }
    try Names.checkCollection(name)
    throw VecError(.collectionNotFound, "there is no collection \(Names.quoted(name)): create it, or see list")
  }

  /// Changes a collection in memory, if it is still there.
  func update(_ name: String, _ change: (inout Collection) -> Void) {
    state.withLock { state in
      guard var collection = state.collections.removeValue(forKey: name) else { return }
      change(&collection)
      state.collections[name] = collection
    }
  }

  /// Runs `body` as the only writer.
  func withWriter<T: Sendable>(_ body: (inout Writer) throws(VecError) -> T) throws(VecError) -> T {
    try writer.withLock { (writer) throws(VecError) in
      guard var current = writer else { throw VecError(.shuttingDown, "the store is closed") }
      defer {
        writer = current
        ballastByteCount.store(current.manifest.ballastByteCount, ordering: .relaxed)
      }
      return try body(&current)
    }
  }
}
