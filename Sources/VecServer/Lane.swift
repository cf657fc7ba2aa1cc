import NIOCore

/// A fixed number of threads and one bounded queue: work beyond the bound is refused at once, so that waiting time
/// stays bounded and a caller learns of overload while it can still go elsewhere.
///
/// Thread rule: any thread may call. Jobs run in the order accepted, on as many threads as the lane has; with one
/// thread that is one after the other.
package final class Lane: @unchecked Sendable {  // mutable state only under `signal`
  package typealias Job = @Sendable () -> Void
  /// Part of work that is done once for several: of the parts that wait directly behind one another only the last is
  /// told so. Meant for lanes of one thread.
  package typealias Part = @Sendable (_ isLast: Bool) -> Void

  /// How a job is admitted.
  package enum Admission: Sendable {
    /// Refused when the queue is full.
    case bounded
    /// For small questions that must be answerable under overload: goes ahead of the queue, with a bound of its own.
    case urgent
    /// Never refused for length: bounded by its connection's limits instead (rows of an ingest, tidying up).
    case admitted
  }

  /// A place in the queue taken before the job is known. Given back unless it is used.
  package struct Place: ~Copyable {
    fileprivate let lane: Lane
    deinit { lane.giveBackPlace() }
  }

  /// Parts that are run together, at most.
  package static let partsMax = 1_024
  /// Bytes of the parts that are run together, unless one alone has more.
  package static let partBytesMax = 16 << 20

  private enum Work: Sendable {
    case job(Job)
    case part(Part, byteCount: Int)
    case parts([Part])
  }

  package struct Load: Sendable, Equatable {
    package var threads = 0
    package var queued = 0
    package var running = 0
    package var completed: UInt64 = 0
    package var rejected: UInt64 = 0
  }

  package let name: String
  package let queueMax: Int
  private let signal = Signal()
  private var queue = CircularBuffer<Work>()
  private var urgentQueue = CircularBuffer<Work>()
  private var places = 0
  private var isStopping = false
  private var load = Load()

  /// Starts `threads` threads.
  ///
  /// - Parameter isBackground: they give way to the other threads on a busy machine.
  package init(name: String, threads: Int, queueMax: Int, isBackground: Bool = false) {
    self.name = name
    self.queueMax = queueMax
    for number in 0..<max(1, threads) {
      let isRunning = WorkerThread.start(name: "vecd-\(name)-\(number)", isBackground: isBackground) { [self] in serve() }
      if isRunning { signal.withLock { load.threads += 1 } }
    }
  }

  /// False when the job was refused; it will not run.
  package func submit(_ admission: Admission = .bounded, _ job: @escaping Job) -> Bool {
    submit(admission, .job(job))
  }

  /// False when the part was refused; it will not run.
  ///
  /// - Parameter byteCount: what it adds to the parts before it, against `partBytesMax`.
  package func submit(part: @escaping Part, byteCount: Int) -> Bool {
    submit(.bounded, .part(part, byteCount: byteCount))
  }

  private func submit(_ admission: Admission, _ work: Work) -> Bool {
    signal.withLock {
      guard !isStopping, load.threads > 0, hasRoom(admission) else {
        load.rejected += 1
        return false
      }
      if case .urgent = admission { urgentQueue.append(work) } else { queue.append(work) }
      signal.wakeOne()
      return true
    }
  }

  /// Runs a job on the calling thread, in the place of one of the lane's; false, and nothing done, unless the lane is idle.
  package func runHere(_ job: () -> Void) -> Bool {
    let mayRun = signal.withLock {
      guard !isStopping, load.running == 0, queue.isEmpty, urgentQueue.isEmpty else { return false }
      load.running += 1
      return true
    }
    guard mayRun else { return false }
    job()
    signal.withLock {
      load.running -= 1
      load.completed += 1
      // A thread that was kept from work, or from ending, meanwhile.
      if isStopping || !queue.isEmpty || !urgentQueue.isEmpty { signal.wakeAll() }
    }
    return true
  }

  /// Takes a place for a job that comes with `submit(in:)`; nil when the queue is full.
  package func takePlace() -> Place? {
    let isTaken = signal.withLock {
      guard !isStopping, load.threads > 0, hasRoom(.bounded) else {
        load.rejected += 1
        return false
      }
      places += 1
      return true
    }
    return isTaken ? Place(lane: self) : nil
  }

  /// Queues the job that the place was taken for.
  package func submit(in place: consuming Place, _ job: @escaping Job) -> Bool { submit(.admitted, job) }

  package var currentLoad: Load {
    signal.withLock {
      var now = load
      now.queued = queue.count + urgentQueue.count
      return now
    }
  }

  package var isIdle: Bool { signal.withLock { queue.isEmpty && urgentQueue.isEmpty && load.running == 0 } }

  /// Takes no more jobs. Threads end after the queue is empty, or after their present job with `droppingQueued`.
  package func stop(droppingQueued: Bool) {
    signal.withLock {
      isStopping = true
      if droppingQueued {
        queue.removeAll()
        urgentQueue.removeAll()
      }
      signal.wakeAll()
    }
  }

  /// Whether every thread has ended after `stop`.
  package var isStopped: Bool { signal.withLock { isStopping && load.threads == 0 } }
}

extension Lane {
  private func hasRoom(_ admission: Admission) -> Bool {
    switch admission {
    case .bounded: queue.count + places < queueMax
    case .urgent: urgentQueue.count < queueMax
    case .admitted: true
    }
  }

  private func giveBackPlace() { signal.withLock { places -= 1 } }

  private func serve() {
    while let work = next() {
      let count = Self.run(work)
      signal.withLock {
        load.running -= 1
        load.completed += count
      }
    }
  }

  /// Requests that were done with it.
  private static func run(_ work: Work) -> UInt64 {
    switch work {
    case .job(let job): job()
    case .part(let part, _): part(true)
    case .parts(let parts):
      for (position, part) in parts.enumerated() { part(position == parts.count - 1) }
      return UInt64(parts.count)
    }
    return 1
  }

  /// The part and those that wait directly behind it, as many as may be run together. Under the lock.
  private func joined(_ work: Work) -> Work {
    guard case .part(let first, var byteCount) = work else { return work }
    var parts = [first]
    while case .part(let part, let more)? = queue.first, parts.count < Self.partsMax,
      byteCount + more <= Self.partBytesMax
    {
      queue.removeFirst()
      parts.append(part)
      byteCount += more
    }
    return parts.count == 1 ? work : .parts(parts)
  }

  private func next() -> Work? {
    signal.withLock {
      while true {
        // As many at once as there are threads, whoever runs them.
        if load.running < load.threads, let work = urgentQueue.popFirst() ?? queue.popFirst() {
          load.running += 1
          return joined(work)
        }
        if isStopping, queue.isEmpty, urgentQueue.isEmpty {
          load.threads -= 1
          return nil
        }
        signal.wait()
      }
    }
  }
}
