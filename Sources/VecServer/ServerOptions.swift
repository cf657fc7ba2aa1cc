package import VecCore

/// Everything that can be chosen about a daemon, checked before anything is opened.
package struct ServerOptions: Sendable {
  /// Directory of the store.
  package var storePath: String
  /// Path of the Unix socket; nil for `vecd.sock` in the store.
  package var socketPath: String?
  /// Threads that answer searches. 1 to 1,024.
  package var threads = ProcessFacts.coreCount
  /// Bytes of memory that the daemon may use, mapped files not counted; at least 256 MiB.
  package var memoryBudget = max(256 << 20, ProcessFacts.physicalBytes / 4 * 3)
  /// Rows that a build puts into one segment at most, 1,000 to the format's limit; nil: what the memory budget allows.
  package var segmentRows: Int?
  /// Bytes of segments a second that are read over again to find damage; 0 for none.
  package var scrubRate = 16 << 20
  /// Bytes of the disk that are held back, so that deletes and drops can be written when it is full; 0 for none.
  package var ballast = 16 << 20
  /// Requests that may wait in a lane. 1 to 1,000,000.
  package var queueMax = 1024
  /// How long a client may take nothing of its replies, or send nothing of a frame it began.
  package var writeTimeoutSeconds = 30
  /// Deadline of requests that name none; 0 for none. Long work (6 to 13, 20 to 22, 31) never has one unless it is named.
  package var defaultDeadlineMilliseconds = 10_000
  /// How long accepted requests may take after SIGTERM.
  package var stopLimitSeconds = 10
  /// Requests that take longer are logged.
  package var slowRequestMilliseconds = 500
  /// Uids besides the daemon's own that may connect.
  package var allowedUids: [UInt32] = []
  /// Connections at a time.
  package var connectionsMax = 256
  /// Kernel tier to insist on; nil for the best of this CPU.
  package var kernelTier: String?

  package init(storePath: String) { self.storePath = storePath }

  package var effectiveSocketPath: String { socketPath ?? storePath + "/vecd.sock" }

  /// Bytes that requests and replies under way may hold, of all connections together: a quarter of the budget, and
  /// never less than one frame of the greatest length needs.
  package var requestBytesMax: Int { max(96 << 20, memoryBudget / 4) }

  /// - Throws: `.invalidArgument` naming the option and its range.
  package func check() throws(VecError) {
    try Self.check("--threads", threads, 1...1024)
    try Self.check("--scrub-rate", scrubRate, 0...1 << 40)
    try Self.check("--ballast", ballast, 0...1 << 40)
    try Self.check("--queue", queueMax, 1...1_000_000)
    try Self.check("--write-timeout", writeTimeoutSeconds, 1...3600)
    try Self.check("--default-deadline", defaultDeadlineMilliseconds, 0...86_400_000)
    try Self.check("--stop-limit", stopLimitSeconds, 0...3600)
    try Self.check("--slow-request", slowRequestMilliseconds, 1...86_400_000)
    try Self.check("--connections", connectionsMax, 1...100_000)
    if let segmentRows { try Self.check("--segment-rows", segmentRows, 1_000...Limits.segmentRowsMax) }
    guard memoryBudget >= 256 << 20 else {
      throw VecError(.invalidArgument, "--memory-budget is \(memoryBudget) bytes, must be at least 256M")
    }
    guard !storePath.isEmpty else {
      throw VecError(.invalidArgument, "--store is empty; name the store's directory")
    }
  }

  private static func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(VecError) {
    guard range.contains(value) else {
      throw VecError(.invalidArgument, "\(name) is \(value), must be \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
