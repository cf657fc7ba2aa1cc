package import VecCore

/// What an engine is told from outside: it reads no clock, environment or random source of its own.
package struct EngineOptions: Sendable {
  package var storePath: String
  /// Caps the kernels at a tier by name; nil takes the best the CPU has.
  package var kernelTier: String?
  /// Bytes that codes, graphs and builds may hold at once.
  package var memoryBudget: Int
  /// Rows that a build puts into one segment at most; nil: as many as the memory budget allows.
  package var segmentRows: Int?
  /// Room on the disk that is held back, so that deletes and drops can be written when it is full.
  package var ballastByteCount = 0
  /// When deltas are sealed.
  package var delta = DeltaLimits()
  /// When segments are rewritten.
  package var upkeep = UpkeepPolicy()
  /// Milliseconds since 1970.
  package var now: @Sendable () -> Int64
  /// Names of new segments: random in the daemon, seeded in tests.
  package var makeUUID: @Sendable () -> UUID
  /// Opening removes nothing, for a check of the store.
  package var keepsLeftovers = false

  /// Threads that builds may use at once.
  package var workers: Int
  /// Calls the body once for each number below the first argument, on any threads, and returns when all are done.
  package var runWorkers: @Sendable (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void

  package init(
    storePath: String, kernelTier: String?, memoryBudget: Int, now: @escaping @Sendable () -> Int64,
    makeUUID: @escaping @Sendable () -> UUID, segmentRows: Int? = nil, workers: Int = 1,
    runWorkers: @escaping @Sendable (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void = { count, body in
      for worker in 0..<count { body(worker) }
    }
  ) {
    self.storePath = storePath
    self.kernelTier = kernelTier
    self.memoryBudget = memoryBudget
    self.now = now
    self.makeUUID = makeUUID
    self.segmentRows = segmentRows
    self.workers = workers
    self.runWorkers = runWorkers
  }
}

/// What recovery found and did at the start, for the daemon's log.
package struct RecoveryReport: Sendable {
  package struct Fence: Sendable {
    package var collection: String
    package var reason: String
  }

  /// Leftovers of interrupted work that were removed.
  package var removedFiles: [String] = []
  /// Files that the manifest does not know and that were kept: because of damage, or because nothing was to be removed.
  package var keptFiles: [String] = []
  /// What is wrong with the manifest's log, if the start could go on all the same.
  package var doubt: String?
  /// Collections that answer nothing, and why.
  package var fences: [Fence] = []
  /// Named sets that answer nothing until they are forgotten, and why.
  package var damagedSets: [Fence] = []
  /// Collections of which captured queries fail their checksums and were given up.
  package var damagedCaptures: [String] = []
  package var collectionCount = 0
  package var segmentCount = 0
  /// Bytes of segment files that were verified.
  package var byteCount: UInt64 = 0
  /// Single writes that were carried out anew.
  package var writeCount: UInt64 = 0
}

/// Counts for `stats`.
package struct EngineStatistics: Sendable {
  package var kernelTier: String
  package var mappedBytes: UInt64
  /// Memory of codes that searches scan.
  package var codeBytes: UInt64
  /// What codes, graphs and builds hold of the memory budget, and that budget.
  package var heldBytes: Int
  package var budgetBytes: Int
  package var segmentCount: Int
  /// Room held back on the disk; less once a full disk needed it.
  package var ballastByteCount: Int
  /// Named sets, their ids, what they take of memory, and those that are damaged.
  package var exclusionSets: NamedSetCounts
  package var biasSets: NamedSetCounts
}
